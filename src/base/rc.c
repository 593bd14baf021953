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

enum rc fail_set(struct fail *fail, enum rc rc, const char *format, ...)
{
	if (!fail)
		return rc;
	fail->rc = rc;
	va_list args;
	va_start(args, format);
	vsnprintf(fail->message, sizeof fail->message, format, args);
	va_end(args);
	return rc;
}

const char *fail_message(const struct fail *fail)
{
	return fail->message[0] ? fail->message : rc_sentence(fail->rc);
}
