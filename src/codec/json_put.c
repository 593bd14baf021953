#include "codec/json_int.h"

#include <string.h>

/* A repeated byte in a word, for testing eight bytes at once. */
#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether any of the eight bytes is a control character, '"' or '\\'. */
static bool word_needs_escape(uint64_t word)
{
	uint64_t quote = word ^ EIGHT('"');
	uint64_t backslash = word ^ EIGHT('\\');
	uint64_t found = ((word - EIGHT(0x20)) & ~word) | ((quote - EIGHT(1)) & ~quote) |
	                 ((backslash - EIGHT(1)) & ~backslash);
	return (found & EIGHT(0x80)) != 0;
}

static bool needs_escape(char c)
{
	return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

/* How many bytes from `start` on stand in a JSON string as they are. */
static size_t plain_run(str s, size_t start)
{
	size_t at = start;
	uint64_t word;
	for (; s.n - at >= sizeof word; at += sizeof word) {
		memcpy(&word, s.p + at, sizeof word);
		if (word_needs_escape(word))
			break;
	}
	while (at < s.n && !needs_escape(s.p[at]))
		at++;
	return at - start;
}

static void put_escape(struct buf *buf, char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char short_forms[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};
	unsigned char byte = (unsigned char)c;
	char letter = byte < 0x20 ? short_forms[byte] : c;
	if (letter)
		buf_put(buf, (str){(char[]){'\\', letter}, 2});
	else
		buf_put(buf, (str){(char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6});
}

static void put_escaped(struct buf *buf, str s)
{
	buf_putc(buf, '"');
	for (size_t at = 0; at < s.n && buf->status == RC_OK;) {
		size_t run = plain_run(s, at);
		buf_put(buf, (str){s.p + at, run});
		at += run;
		if (at < s.n)
			put_escape(buf, s.p[at++]);
	}
	buf_putc(buf, '"');
}

static char *put_quoted(char *p, str s)
{
	*p++ = '"';
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '"';
	return p + s.n + 1;
}

void json_put_text(struct buf *buf, str s)
{
	if (plain_run(s, 0) < s.n) {
		put_escaped(buf, s);
		return;
	}
	char *p = buf_reserve(buf, s.n + 2);
	if (p) {
		put_quoted(p, s);
		buf->n += s.n + 2;
	}
}

static bool needs_comma(const struct buf *buf)
{
	return buf->n && buf->p[buf->n - 1] != '{' && buf->p[buf->n - 1] != '[';
}

str json_real_text(json v, char memory[JSON_REAL_MEMORY])
{
	yyjson_alc alc;
	size_t n = 0;
	const char *text = NULL;
	if (yyjson_alc_pool_init(&alc, memory, JSON_REAL_MEMORY))
		text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &alc, &n, NULL);
	return text ? (str){text, n} : STR_EMPTY;
}

static void put_real(struct buf *buf, json v)
{
	char memory[JSON_REAL_MEMORY];
	str text = json_real_text(v, memory);
	if (text.n)
		buf_put(buf, text);
	else
		buf_printf(buf, "%.17e", v->uni.f64);
}

static void put_number(struct buf *buf, json v)
{
	if (json_subtype(v) == YYJSON_SUBTYPE_REAL)
		put_real(buf, v);
	else if (json_subtype(v) == YYJSON_SUBTYPE_UINT && v->uni.u64 > INT64_MAX)
		buf_printf(buf, "%llu", (unsigned long long)v->uni.u64);
	else
		buf_put_i64(buf, v->uni.i64);
}

static void put_members(struct buf *buf, json container)
{
	bool is_object = json_is_object(container);
	struct json_iter iter = json_iter(container);
	str key;
	json value;
	buf_putc(buf, is_object ? '{' : '[');
	while (buf->status == RC_OK && json_next(&iter, &key, &value)) {
		if (is_object)
			json_put_key(buf, key);
		else
			json_put_comma(buf);
		json_put(buf, value);
	}
	buf_putc(buf, is_object ? '}' : ']');
}

/* Recursion ends: what json_parse() delivers is at most JSON_DEPTH_MAX deep. */
void json_put(struct buf *buf, json v)
{
	switch (v ? json_type(v) : YYJSON_TYPE_NULL) {
	case YYJSON_TYPE_OBJ:
	case YYJSON_TYPE_ARR:
		put_members(buf, v);
		break;
	case YYJSON_TYPE_STR:
		json_put_text(buf, json_bytes(v));
		break;
	case YYJSON_TYPE_NUM:
		put_number(buf, v);
		break;
	case YYJSON_TYPE_RAW: /* a number that fits no machine type, as it was written */
		buf_put(buf, str_bytes(yyjson_get_raw(UNCONST(yyjson_val *, v)), yyjson_get_len(UNCONST(yyjson_val *, v))));
		break;
	case YYJSON_TYPE_BOOL:
		buf_put(buf, json_is_true(v) ? STR("true") : STR("false"));
		break;
	default:
		buf_put(buf, STR("null"));
	}
}

void json_put_comma(struct buf *buf)
{
	if (needs_comma(buf))
		buf_putc(buf, ',');
}

void json_put_key(struct buf *buf, str key)
{
	size_t comma = needs_comma(buf);
	if (plain_run(key, 0) < key.n) {
		json_put_comma(buf);
		put_escaped(buf, key);
		buf_putc(buf, ':');
		return;
	}
	char *p = buf_reserve(buf, comma + key.n + 3);
	if (!p)
		return;
	if (comma)
		*p++ = ',';
	p = put_quoted(p, key);
	*p = ':';
	buf->n += comma + key.n + 3;
}
