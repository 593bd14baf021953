/*
 * Push rules and events: the first line is what a client sends as a rule, or what is stored of an account's rules; the
 * rest is an event. What is taken comes back from the store as it was, and asking about any event ends in bounds.
 */
#include "fuzz.h"

#include "matrix/push_eval.h"

static void evaluate(struct arena *arena, const struct push_rules *rules, json root)
{
	const struct push_reader reader = {STR("@a:b"), STR("Name")};
	struct push_event event = {.root = root, .event_id = STR("$e"), .room_id = STR("!r:b"), .member_count = 2};
	const struct push_ruleset *set = NULL;
	struct push_outcome outcome = {0};
	enum rc rc = push_compile(arena, rules, &set);
	HOLDS(rc == RC_OK || rc == RC_CORRUPT || rc == RC_BUDGET || rc == RC_TOO_LARGE);
	if (rc != RC_OK)
		return;
	event.sender = json_get_text(root, STR("sender"));
	bool asked = !push_evaluate(set, &event, &reader, &outcome);
	event.power.is_known = true;
	HOLDS(push_evaluate(set, &event, &reader, &outcome));
	HOLDS(asked || outcome.notify || !outcome.highlight);
	HOLDS(outcome.actions.n >= 2);
}

static str stored(struct arena *arena, const struct push_rules *rules)
{
	struct buf buf;
	buf_init(&buf, arena, 2 * PUSH_CHANGES_MAX_BYTES);
	push_rules_put_changes(&buf, rules);
	return buf_status(&buf) == RC_OK ? buf_str(&buf) : STR_EMPTY;
}

static void wish(struct arena *arena, json body, json root)
{
	struct push_rules rules, again;
	struct fail fail = {0};
	struct push_rule_wish wish = {
	    .rule_id = json_text_or(json_get(body, STR("rule_id")), STR("x")),
	    .actions = json_get(body, STR("actions")),
	    .conditions = json_get(body, STR("conditions")),
	    .pattern = json_get(body, STR("pattern")),
	};
	for (size_t kind = 0; kind < PUSH_KINDS; kind++) {
		wish.kind = (enum push_kind)kind;
		if (push_rules_load(arena, PUSH_ANYBODY, STR_EMPTY, &rules) != RC_OK)
			return;
		enum rc rc = push_rules_set(&rules, &wish, &fail);
		HOLDS(rc == RC_OK || fail.message[0] || rc == RC_BUDGET);
		if (rc != RC_OK)
			continue;
		str text = stored(arena, &rules);
		if (!text.n)
			return;
		HOLDS(push_rules_load(arena, PUSH_ANYBODY, text, &again) == RC_OK);
		HOLDS(str_eq(stored(arena, &again), text));
		evaluate(arena, &again, root);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	struct push_rules rules;
	str rest = str_bytes(data, size), first = STR_EMPTY;
	json body = NULL, root = NULL;
	arena_init(&arena, FUZZ_ARENA_BYTES);
	(void)str_split(&rest, '\n', &first);
	if (json_parse(&arena, rest, &root, NULL) != RC_OK)
		root = NULL;
	if (push_rules_load(&arena, PUSH_ANYBODY, first, &rules) == RC_OK)
		evaluate(&arena, &rules, root);
	if (json_parse(&arena, first, &body, NULL) == RC_OK)
		wish(&arena, body, root);
	return 0;
}
