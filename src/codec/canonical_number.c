/*
 * Numbers of the lenient canonical form. The shortest digits are yyjson's; here they are set as Python's
 * repr() sets them, since that is what the servers of old rooms have signed: a point where it stands within
 * 16 digits or behind at most three zeros, else an exponent of at least two digits.
 */
#include "codec/json_int.h"

enum {
	DIGITS_MAX = 32,   /* 17 at most, and the zeros that yyjson puts behind or before them */
	FIXED_LEAST = -3,  /* where the point may stand without an exponent, from the first digit */
	FIXED_MOST = 16,
};

/* 0.DIGITS times ten to the power of `point`; zero has no digits. */
struct decimal {
	bool negative;
	char digits[DIGITS_MAX];
	size_t n;
	int point;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "-12.5e-7", each part but the first digits optional. Zeros at both ends go. */
static bool read_decimal(str text, struct decimal *d)
{
	int64_t exponent = 0;
	str after_e;
	bool behind_point = false;
	*d = (struct decimal){.negative = text.n && text.p[0] == '-'};
	size_t at = d->negative;
	for (; at < text.n && (is_digit(text.p[at]) || text.p[at] == '.'); at++) {
		bool is_point = text.p[at] == '.';
		bool leads = text.p[at] == '0' && d->n == 0;
		behind_point = behind_point || is_point;
		if (is_point)
			continue;
		if (!leads && d->n == DIGITS_MAX)
			return false;
		if (!leads)
			d->digits[d->n++] = text.p[at];
		if (leads == behind_point) /* a digit before the point, or a zero between it and the first digit */
			d->point += leads ? -1 : 1;
	}
	after_e = str_from(text, at + 1);
	if (str_starts(after_e, STR("+")))
		after_e = str_from(after_e, 1);
	if (after_e.n && !str_to_i64(after_e, INT16_MIN, INT16_MAX, &exponent))
		return false;
	d->point += (int)exponent;
	while (d->n > 0 && d->digits[d->n - 1] == '0')
		d->n--;
	return true;
}

static void put_zeros(struct buf *buf, int count)
{
	for (int i = 0; i < count; i++)
		buf_putc(buf, '0');
}

static void put_fixed(struct buf *buf, const struct decimal *d)
{
	size_t whole = d->point > 0 ? (size_t)d->point : 0;
	str digits = {d->digits, d->n};
	str fraction = str_from(digits, whole);
	if (whole == 0)
		buf_putc(buf, '0');
	buf_put(buf, str_first(digits, whole));
	if (whole > d->n)
		put_zeros(buf, (int)(whole - d->n));
	buf_putc(buf, '.');
	put_zeros(buf, -d->point);
	buf_put(buf, fraction);
	if (fraction.n == 0)
		buf_putc(buf, '0');
}

static void put_with_exponent(struct buf *buf, const struct decimal *d)
{
	int exponent = d->point - 1;
	buf_putc(buf, d->digits[0]);
	if (d->n > 1) {
		buf_putc(buf, '.');
		buf_put(buf, (str){d->digits + 1, d->n - 1});
	}
	buf_printf(buf, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
}

static bool put_float(struct buf *buf, json v)
{
	char memory[JSON_REAL_MEMORY];
	struct decimal d;
	str text = json_real_text(v, memory);
	if (text.n == 0 || !read_decimal(text, &d))
		return false;
	if (d.negative)
		buf_putc(buf, '-');
	if (d.n == 0)
		buf_put(buf, STR("0.0"));
	else if (d.point >= FIXED_LEAST && d.point <= FIXED_MOST)
		put_fixed(buf, &d);
	else
		put_with_exponent(buf, &d);
	return true;
}

/* Numbers that no machine type holds were kept as text: integers, and floats that would be infinite. */
static bool is_float_text(json raw)
{
	str text = json_bytes(raw);
	for (size_t i = 0; i < text.n; i++)
		if (!is_digit(text.p[i]) && text.p[i] != '-')
			return true;
	return false;
}

bool json_put_any_number(struct buf *buf, json v)
{
	if (json_type(v) == YYJSON_TYPE_NUM && json_subtype(v) == YYJSON_SUBTYPE_REAL)
		return put_float(buf, v);
	if (json_type(v) == YYJSON_TYPE_RAW && is_float_text(v))
		return false;
	json_put(buf, v);
	return true;
}
