#include "core/push/push_int.h"

#include "base/heap.h"

enum {
	SERVER_RULES_BYTES = 1 << 20,
	RULESETS_BYTES = 32 << 20,
	WINDOWS_BYTES = 32 << 20,
	UNREAD_BYTES = 32 << 20,
};

static enum rc server_rules_make(struct push *push)
{
	struct push_rules rules;
	arena_init(&push->arena, SERVER_RULES_BYTES);
	TRY(push_rules_load(&push->arena, PUSH_ANYBODY, STR_EMPTY, &rules));
	return push_compile(&push->arena, &rules, &push->server_rules);
}

enum rc push_new(const struct push_config *config, struct push **ret_push)
{
	struct push *push = heap_new(struct push);
	if (!push)
		return RC_NOMEM;
	push->config = *config;
	cache_init(&push->rulesets, RULESETS_BYTES);
	cache_init(&push->windows, WINDOWS_BYTES);
	cache_init(&push->unread, UNREAD_BYTES);
	enum rc rc = server_rules_make(push);
	if (rc != RC_OK) {
		push_free(push);
		return rc;
	}
	*ret_push = push;
	return RC_OK;
}

void push_free(struct push *push)
{
	if (!push)
		return;
	cache_release(&push->rulesets);
	cache_release(&push->windows);
	cache_release(&push->unread);
	arena_release(&push->arena);
	heap_free(push);
}
