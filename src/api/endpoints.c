#include "api/endpoints.h"

#define EP(operation, method, path, auth, rate, lane, body, handler)                               \
	{#operation, HTTP_##method, path, auth, rate, lane, body, handler},
#define EPX EP

const struct endpoint endpoints[] = {
#include "api/client/endpoints.def"
};

#undef EP
#undef EPX

const size_t endpoint_count = COUNT_OF(endpoints);

size_t body_max_bytes(enum body_kind kind)
{
	switch (kind) {
	case BODY_EVENT:
		return BODY_EVENT_MAX_BYTES;
	case BODY_LARGE:
		return BODY_LARGE_MAX_BYTES;
	case BODY_BULK:
		return BODY_BULK_MAX_BYTES;
	case BODY_NONE:
	case BODY_SMALL:
	case BODY_OPTIONAL:
		break;
	}
	return BODY_SMALL_MAX_BYTES;
}
