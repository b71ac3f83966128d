/*
 * What the kernel says of this process: processor time, memory and descriptors, and the limits of these two. What
 * cannot be read is 0.
 */
#ifndef APP_PROCESS_H
#define APP_PROCESS_H

double process_cpu_s(void);          /* user and system time of all threads */
double process_resident_bytes(void); /* memory in use */
double process_descriptors(void);    /* open ones */
double process_descriptors_limit(void);

#define PROCESS_GROUP "/proc/self/cgroup"
#define PROCESS_GROUPS "/sys/fs/cgroup"
/* The least of the limits of its control group (version 2), of those above it, and the memory of the machine. own and
 * groups are the two paths above; in tests they are others. */
double process_memory_limit(const char *own, const char *groups);

#endif
