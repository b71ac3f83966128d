/*
 * Log lines on stderr: one event a line, with fields key=value. An object writes its identity into the line by itself
 * (struct log_ident), so that no caller can forget it. Tokens, payloads and whole session ids never appear.
 *
 *   log_info(sio_ident(s), "disconnected", LS("reason", close_label(why)));
 *   2026-01-10T12:00:00.000Z info disconnected sid=Qx9... session=Yh2kQ1 peer=192.0.2.7 reason=slow
 *
 * A value with blanks, quotes or control characters is quoted and escaped. Or each line is a JSON object (log_format):
 * time, level and msg, which is the event, and the fields behind them, with the same escapes.
 *
 * A line has at most PIPE_BUF bytes: text is cut there; an object leaves out the field that has no room, and those
 * behind it, and says "cut". Logging never waits: a line that stderr does not take at once is lost.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

#define LOG_LEVELS(X) X(ERROR, error) X(WARN, warn) X(INFO, info) X(DEBUG, debug) X(TRACE, trace)

enum log_level {
#define X(NAME, label) LOG_##NAME,
	LOG_LEVELS(X)
#undef X
		LOG_LEVEL_MAX
};

struct log_field {
	const char *key; /* NULL ends an array of fields */
	enum { LOG_F_STR, LOG_F_U64, LOG_F_I64 } kind;
	union {
		struct slice s;
		uint64_t u;
		int64_t i;
	};
};

struct log_line;

/* The speaker: an object, and the function that puts its fields into the line that is being written. */
struct log_ident {
	void (*put)(struct log_line *line, const void *of); /* NULL: nobody in particular */
	const void *of;
};
#define LOG_NOBODY ((struct log_ident){0})

/* For `put`: a field of its own, and the fields of the object behind it. */
void log_put(struct log_line *line, struct log_field f);
void log_put_ident(struct log_line *line, struct log_ident who);

#define LS(k, str) ((struct log_field){.key = (k), .kind = LOG_F_STR, .s = slice_str(str)})
#define LSL(k, sl) ((struct log_field){.key = (k), .kind = LOG_F_STR, .s = (sl)})
#define LU(k, v) ((struct log_field){.key = (k), .kind = LOG_F_U64, .u = (uint64_t)(v)})
#define LI(k, v) ((struct log_field){.key = (k), .kind = LOG_F_I64, .i = (int64_t)(v)})

#define LOG_FORMATS(X) X(TEXT, text) X(JSON, json)
enum log_format {
#define X(NAME, label) LOG_##NAME,
	LOG_FORMATS(X)
#undef X
};

/* The two variables of the process that belong to no object: set at start and by SIGHUP. */
extern enum log_level log_threshold;
extern enum log_format log_format;

bool log_level_parse(struct slice s, enum log_level *out) MUST_CHECK;
void log_event(enum log_level level, struct log_ident who, const char *event, const struct log_field *fields);

/* Lines of one kind that anybody outside can cause as often as he likes. Zeroed: none was written. */
struct log_sample {
	unsigned most;    /* lines a second; 0: ten */
	unsigned written; /* in that second */
	uint64_t second;
	uint64_t left_out;
};

/* `most` lines a second are written. True: this one is, and *left_out says how many before it were not. */
bool log_sample_take(struct log_sample *s, uint64_t now_ms, uint64_t *left_out) MUST_CHECK;

#define log_at(lvl, who, event, ...)                                                                                 \
	do {                                                                                                         \
		if ((lvl) <= log_threshold)                                                                          \
			log_event((lvl), (who), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
	} while (0)
#define log_error(who, event, ...) log_at(LOG_ERROR, who, event __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(who, event, ...) log_at(LOG_WARN, who, event __VA_OPT__(, ) __VA_ARGS__)
#define log_info(who, event, ...) log_at(LOG_INFO, who, event __VA_OPT__(, ) __VA_ARGS__)
#define log_debug(who, event, ...) log_at(LOG_DEBUG, who, event __VA_OPT__(, ) __VA_ARGS__)
/* Off, a log line costs one comparison; its arguments are not evaluated. */
#define log_trace(who, event, ...) log_at(LOG_TRACE, who, event __VA_OPT__(, ) __VA_ARGS__)

/* A move of a state machine, called by its one door: `what` moves. A machine that begins comes from "new". */
#define log_move(who, what, from, to, ...) \
	log_trace(who, what, LS("from", from), LS("to", to) __VA_OPT__(, ) __VA_ARGS__)

#endif
