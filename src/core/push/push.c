#include "core/push/push_int.h"

#include "base/heap.h"

enum rc push_new(const struct push_config *config, struct push **ret_push)
{
	struct push *push = heap_new(struct push);
	if (!push)
		return RC_NOMEM;
	push->config = *config;
	*ret_push = push;
	return RC_OK;
}

void push_free(struct push *push)
{
	heap_free(push);
}
