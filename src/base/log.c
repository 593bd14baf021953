#include "base/log.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 4096,
	LINE_END_BYTES = 2,     /* kept free for '}' and '\n' */
	VALUE_MAX_BYTES = 512,  /* of one field, before escaping */
};

/* The one process-wide setting: written once, before threads start. */
static struct {
	int fd;
	enum log_format format;
	enum log_level least;
} sink = {2, LOG_TEXT, LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
	bool is_full; /* something did not fit and was left out whole */
};

void log_configure(int fd, enum log_format format, enum log_level least)
{
	sink.fd = fd;
	sink.format = format;
	sink.least = least;
}

bool log_level_parse(str name, enum log_level *ret_level)
{
	for (unsigned i = 0; i < COUNT_OF(level_names); i++)
		if (str_eq(name, str_of(level_names[i]))) {
			*ret_level = (enum log_level)i;
			return true;
		}
	return false;
}

static void put(struct line *line, str s)
{
	if (s.n > sizeof line->text - LINE_END_BYTES - line->n) {
		line->is_full = true;
		return;
	}
	if (s.n)
		memcpy(line->text + line->n, s.p, s.n);
	line->n += s.n;
}

static void put_escaped(struct line *line, str s)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
		if (c == '"' || c == '\\')
			put(line, (str){(char[]){'\\', (char)c}, 2});
		else if (c < 0x20 || c == 0x7f)
			put(line, (str){escape, sizeof escape});
		else
			put(line, (str){s.p + i, 1});
	}
}

/* At most VALUE_MAX_BYTES of `s`, cut between two UTF-8 characters. */
static str shortened(str s)
{
	if (s.n <= VALUE_MAX_BYTES)
		return s;
	size_t n = VALUE_MAX_BYTES;
	while (n > VALUE_MAX_BYTES - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_first(s, n);
}

static void put_quoted(struct line *line, str s)
{
	put(line, STR("\""));
	put_escaped(line, shortened(s));
	put(line, STR("\""));
}

static void put_number(struct line *line, int64_t number)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%lld", (long long)number);
	put(line, str_bytes(digits, (size_t)n));
}

static void put_time(struct line *line)
{
	int64_t now_ms = clock_wall_ms(&clock_system);
	time_t now = (time_t)(now_ms / 1000);
	struct tm utc;
	char text[40];
	gmtime_r(&now, &utc);
	size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	int ms = snprintf(text + n, sizeof text - n, ".%03dZ", (int)(now_ms % 1000));
	put(line, str_bytes(text, n + (size_t)ms));
}

static void put_head_json(struct line *line, enum log_level level, const char *area, const char *words)
{
	put(line, STR("{\"time\":\""));
	put_time(line);
	put(line, STR("\",\"level\":\""));
	put(line, str_of(level_names[level]));
	put(line, STR("\",\"area\":\""));
	put(line, str_of(area));
	put(line, STR("\",\"message\":"));
	put_quoted(line, str_of(words));
}

static void put_head_text(struct line *line, enum log_level level, const char *area, const char *words)
{
	put_time(line);
	put(line, STR(" "));
	put(line, str_of(level_names[level]));
	put(line, STR(" "));
	put(line, str_of(area));
	put(line, STR(": "));
	put_escaped(line, str_of(words));
}

/* A field that does not fit is left out whole, so that a line of JSON stays JSON. */
static void put_field(struct line *line, const struct log_field *field)
{
	size_t before = line->n;
	bool json = sink.format == LOG_JSON;
	put(line, json ? STR(",\"") : STR(" "));
	put(line, str_of(field->name));
	put(line, json ? STR("\":") : STR("="));
	if (field->is_text)
		put_quoted(line, field->text);
	else
		put_number(line, field->number);
	if (line->is_full)
		line->n = before;
	line->is_full = false;
}

void log_write(enum log_level level, const char *area, const char *words, const struct log_field *fields)
{
	if (level < sink.least)
		return;
	struct line line;
	line.n = 0;
	line.is_full = false;
	if (sink.format == LOG_JSON)
		put_head_json(&line, level, area, words);
	else
		put_head_text(&line, level, area, words);
	for (; fields->name; fields++)
		put_field(&line, fields);
	if (sink.format == LOG_JSON)
		line.text[line.n++] = '}';
	line.text[line.n++] = '\n';
	ssize_t written = write(sink.fd, line.text, line.n);
	(void)written; /* a log that cannot be written has nowhere to complain */
}
