#include "base/fault.h"

#include "base/log.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 64 };

bool fault_armed;

/* Written by fault_arm() before threads start (in tests: between them). */
static struct {
	char name[NAME_MAX_BYTES];
	size_t name_bytes;
	bool fails;
	int64_t left; /* atomic */
} armed;

enum rc fault_arm(str spec)
{
	str name, count, kind = STR_EMPTY;
	int64_t k;
	if (!str_split(&spec, ':', &name) || !str_split(&spec, ':', &count))
		return RC_INVALID_PARAM;
	bool has_kind = str_split(&spec, ':', &kind);
	if (name.n == 0 || name.n >= sizeof armed.name || spec.p ||
	    (has_kind && !str_eq(kind, STR("fail"))) || !str_to_i64(count, 1, INT32_MAX, &k))
		return RC_INVALID_PARAM;
	memcpy(armed.name, name.p, name.n);
	armed.name_bytes = name.n;
	armed.fails = has_kind;
	armed.left = k;
	__atomic_store_n(&fault_armed, true, __ATOMIC_RELEASE);
	return RC_OK;
}

void fault_disarm(void)
{
	__atomic_store_n(&fault_armed, false, __ATOMIC_RELEASE);
}

bool fault_hit(const char *name)
{
	str wanted = {armed.name, armed.name_bytes};
	LOG(LOG_DEBUG, "fault", "reached", LOG_STR("point", str_of(name)));
	if (!str_eq(wanted, STR("*")) && !str_eq(wanted, str_of(name)))
		return false;
	if (__atomic_sub_fetch(&armed.left, 1, __ATOMIC_RELAXED) != 0)
		return false;
	if (armed.fails)
		return true;
	kill(getpid(), SIGKILL);
	for (;;)
		pause(); /* the signal is on its way */
}
