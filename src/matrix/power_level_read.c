/* One power level, in all the forms that the room versions have taken. */
#include "matrix/power_levels.h"

/* Unicode's White_Space in UTF-8: what other servers take away, too. */
static const str white_space[] = {
	STR_INIT(" "),            STR_INIT("\t"),           STR_INIT("\n"),           STR_INIT("\v"),
	STR_INIT("\f"),           STR_INIT("\r"),           STR_INIT("\xc2\x85"),     STR_INIT("\xc2\xa0"),
	STR_INIT("\xe1\x9a\x80"), STR_INIT("\xe2\x80\x80"), STR_INIT("\xe2\x80\x81"), STR_INIT("\xe2\x80\x82"),
	STR_INIT("\xe2\x80\x83"), STR_INIT("\xe2\x80\x84"), STR_INIT("\xe2\x80\x85"), STR_INIT("\xe2\x80\x86"),
	STR_INIT("\xe2\x80\x87"), STR_INIT("\xe2\x80\x88"), STR_INIT("\xe2\x80\x89"), STR_INIT("\xe2\x80\x8a"),
	STR_INIT("\xe2\x80\xa8"), STR_INIT("\xe2\x80\xa9"), STR_INIT("\xe2\x80\xaf"), STR_INIT("\xe2\x81\x9f"),
	STR_INIT("\xe3\x80\x80"),
};

/* Bytes of the white space character at the start, or at the end, of `text`; 0 when there is none. */
static size_t white_bytes(str text, bool (*matches)(str, str))
{
	for (size_t i = 0; i < COUNT_OF(white_space); i++)
		if (matches(text, white_space[i]))
			return white_space[i].n;
	return 0;
}

static str without_white_space(str text)
{
	size_t n;
	while ((n = white_bytes(text, str_starts)) > 0)
		text = str_from(text, n);
	while ((n = white_bytes(text, str_ends)) > 0)
		text = str_first(text, text.n - n);
	return text;
}

/* Fragment v1-stringy-power-levels: [white space] [sign] digits [white space]. */
static bool read_text(str text, int64_t *ret_level)
{
	text = without_white_space(text);
	if (str_starts(text, STR("+"))) {
		text = str_from(text, 1);
		if (str_starts(text, STR("-")))
			return false;
	}
	return str_to_i64(text, INT64_MIN, INT64_MAX, ret_level);
}

/* Fragment v1-floaty-power-levels: cut at the point. Both bounds are powers of two, which doubles hold exactly. */
static bool read_float(double value, int64_t *ret_level)
{
	if (!(value >= -0x1p63 && value < 0x1p63))
		return false;
	*ret_level = (int64_t)value;
	return true;
}

bool power_level_read(const struct room_version *version, json v, int64_t *ret_level)
{
	str text;
	double value;
	if (json_int64(v, ret_level))
		return true;
	if (!version->integer_power_levels && json_text(v, &text))
		return read_text(text, ret_level);
	return !version->strict_canonical_json && json_double(v, &value) && read_float(value, ret_level);
}
