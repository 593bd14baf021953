/*
 * Structured log: an event name in words, and fields. Text for people or one JSON object a line.
 *
 * Only dispatch, `daemon` and background loops log. Never a token, password or message content: fields are
 * ids, counts, times and reasons. Values are escaped, so that no peer can forge a line. Any thread; one
 * write(2) a line. The sink is set once at start-up.
 *
 *   LOG(LOG_INFO, "deactivation", "room left", LOG_STR("user", id), LOG_INT("rooms", n));
 */
#ifndef EXEUNT_BASE_LOG_H
#define EXEUNT_BASE_LOG_H

#include "base/str.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
	const char *name; /* NULL ends the list */
	bool is_text;
	str text;
	int64_t number;
};

#define LOG_STR(name, s) ((struct log_field){(name), true, (s), 0})
#define LOG_INT(name, i) ((struct log_field){(name), false, {0}, (int64_t)(i)})

#define LOG(level, area, words, ...)                                                             \
	log_write((level), (area), (words), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(,) {0}})

void log_write(enum log_level level, const char *area, const char *words, const struct log_field *fields);

void log_configure(int fd, enum log_format format, enum log_level least);
bool log_level_parse(str name, enum log_level *ret_level);   /* debug info warning error */

#endif
