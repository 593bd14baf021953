#include "base/assert.h"

#include "base/log.h"

#include <stdlib.h>

void assert_failed(const char *expression, const char *file, int line)
{
	LOG(LOG_ERROR, "assert", "an invariant of the server does not hold",
	    LOG_STR("expression", str_of(expression)), LOG_STR("file", str_of(file)), LOG_INT("line", line));
	abort();
}
