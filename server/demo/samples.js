// One message of each type but text, as an app sends it after a dialogue of its own.

export const SAMPLES = [
  { icon: 'post', label: 'Photo', type: 'photo', content: 'https://example.com/photos/studio.jpg',
    metadata: { width: 1200, height: 750, thumbnail: 'https://example.com/photos/studio-small.jpg', art: 'studio.svg' } },
  { icon: 'play', label: 'Video', type: 'video', content: 'https://example.com/videos/tour.mp4', metadata: { duration: 34 } },
  { icon: 'mic', label: 'Voice', type: 'voice', content: 'https://example.com/voice/0413.ogg', metadata: { duration: 17 } },
  { icon: 'pin', label: 'Location', type: 'location', content: '59.9386,30.3141', metadata: { lat: 59.9386, lng: 30.3141, address: 'Nevsky prospekt 28' } },
  { icon: 'person', label: 'Profile', type: 'profile_share', content: 'a0000000-0000-4000-8000-000000000003', metadata: { name: 'Clara', is_master: true } },
  { icon: 'calendar', label: 'Booking', type: 'booking_proposal', content: 'Would Thursday at three suit you?',
    metadata: { service_id: 'colour', service_name: 'Colour and cut', price: 80, duration: 120, currency: 'EUR' } },
];
