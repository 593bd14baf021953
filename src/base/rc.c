#include "base/rc.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *name, *errcode;
	int status;
	const char *sentence;
} rows[] = {
#define RC(name, errcode, status, sentence) {#name, errcode, status, sentence},
#include "base/rc.def"
#undef RC
};

static unsigned row_of(enum rc rc)
{
	return (unsigned)rc < RC_COUNT ? (unsigned)rc : (unsigned)RC_UNKNOWN;
}

const char *rc_name(enum rc rc)
{
	return rows[row_of(rc)].name;
}

const char *rc_errcode(enum rc rc)
{
	return rows[row_of(rc)].errcode;
}

int rc_status(enum rc rc)
{
	return rows[row_of(rc)].status;
}

const char *rc_sentence(enum rc rc)
{
	return rows[row_of(rc)].sentence;
}

/* Takes away the beginning of a UTF-8 character that vsnprintf() cut at the end of `text`. */
static void trim_cut_character(char *text, size_t n)
{
	size_t tail = 0; /* continuation bytes at the end */
	while (tail < n && ((unsigned char)text[n - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail == n)
		return;
	unsigned char lead = (unsigned char)text[n - 1 - tail];
	size_t needed = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	if (tail < needed)
		text[n - 1 - tail] = '\0';
}

enum rc fail_set(struct fail *fail, enum rc rc, const char *format, ...)
{
	if (!fail)
		return rc;
	fail->rc = rc;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(fail->message, sizeof fail->message, format, args);
	va_end(args);
	if (n >= (int)sizeof fail->message)
		trim_cut_character(fail->message, sizeof fail->message - 1);
	return rc;
}

const char *fail_message(const struct fail *fail)
{
	return fail->message[0] ? fail->message : rc_sentence(fail->rc);
}
