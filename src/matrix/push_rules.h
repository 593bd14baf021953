/*
 * An account's push rules: Client-Server API, "Push Notifications". The rules of the server ("Predefined Rules") and
 * the user's own, in the order in which they are asked.
 *
 * What is stored of an account is only how its rules differ from the server's ("changes"), so that a rule that the server
 * gains later is there for everybody. All texts live in the arena that was given. Any thread.
 */
#ifndef EXEUNT_MATRIX_PUSH_RULES_H
#define EXEUNT_MATRIX_PUSH_RULES_H

#include "codec/json.h"

enum {
	PUSH_RULES_MAX = 1000,           /* rules of an account's own, of all kinds */
	PUSH_CHANGES_MAX_BYTES = 524288, /* of all that an account changed */
	PUSH_RULE_ID_MAX_BYTES = 255,
	PUSH_PATTERN_MAX_BYTES = 1024, /* also of a key, and of a value that is compared */
	PUSH_CONDITIONS_MAX = 32,      /* of one rule */
	PUSH_ACTIONS_MAX = 16,
	PUSH_ACTIONS_MAX_BYTES =
	    4096,           /* of the actions of one rule, as JSON; the same for its conditions */
	PUSH_DEPTH_MAX = 8, /* nesting of one action or condition */
};

/* In the order in which they are asked. */
enum push_kind { PUSH_OVERRIDE, PUSH_CONTENT, PUSH_ROOM, PUSH_SENDER, PUSH_UNDERRIDE };
enum { PUSH_KINDS = PUSH_UNDERRIDE + 1 };

bool push_kind_parse(str text, enum push_kind *ret_kind);
str push_kind_text(enum push_kind kind);

struct push_rule {
	str rule_id;
	str conditions; /* JSON array; empty text: the kind has none (content, room, sender) */
	str pattern;    /* of content rules */
	str actions;    /* JSON array */
	bool enabled;
	bool is_default;     /* the server's */
	str default_actions; /* of the server's: as they are without the user's change */
	bool default_enabled;
};

struct push_rules {
	struct arena *arena;
	struct push_rule *rules[PUSH_KINDS]; /* first asked first */
	size_t count[PUSH_KINDS];
	size_t own_count; /* of the user's own, of all kinds */
};

/*
 * The rules of `user_id`, changed as `changes` says, which push_rules_put_changes() made (empty: not at all).
 * RC_CORRUPT: it is not of that form.
 */
MUST_CHECK enum rc push_rules_load(
    struct arena *arena, str user_id, str changes, struct push_rules *ret_rules);

/* What has to be stored. Check buf_status() afterwards, as with the next two. */
void push_rules_put_changes(struct buf *out, const struct push_rules *rules);
/* For clients: {"content":[…],"override":[…],…}, which is the member "global" of the content of m.push_rules. */
void push_rules_put_global(struct buf *out, const struct push_rules *rules);
/* {"actions":…,"conditions" or "pattern":…,"default":…,"enabled":…,"rule_id":…} */
void push_rule_put(struct buf *out, const struct push_rule *rule);

/* The content of m.push_rules, also the answer of GET pushrules/, of an account with these changes. */
MUST_CHECK enum rc push_rules_content(struct arena *arena, str user_id, str changes, str *ret_json);

/* NULL: there is none. */
struct push_rule *push_rule_find(const struct push_rules *rules, enum push_kind kind, str rule_id);

/* ---- changing them; each failure has a sentence that names the field, and after RC_NOMEM they are of no use ---- */

/* What a client wants a rule to be. Any of the last three may be absent: NULL, or an empty slice. */
struct push_rule_wish {
	enum push_kind kind;
	str rule_id;
	json actions;
	json conditions;   /* looked at for override and underride */
	json pattern;      /* looked at for content */
	str before, after; /* ids of own rules of the kind */
};

/*
 * Adds an own rule as the first one, or changes it where it stands; with `before` (else `after`) it is moved there.
 * RC_INVALID_PARAM, RC_MISSING_PARAM, RC_BAD_JSON for what cannot be a rule; RC_UNKNOWN_400: no such rule to stand
 * before or after; RC_TOO_LARGE: too many, or too long.
 */
MUST_CHECK enum rc push_rules_set(
    struct push_rules *rules, const struct push_rule_wish *wish, struct fail *fail);
/* RC_NOT_FOUND; RC_INVALID_PARAM: it is the server's. */
MUST_CHECK enum rc push_rules_remove(
    struct push_rules *rules, enum push_kind kind, str rule_id, struct fail *fail);
/* RC_NOT_FOUND; otherwise as push_rules_set(). */
MUST_CHECK enum rc push_rules_set_actions(
    struct push_rules *rules, enum push_kind kind, str rule_id, json actions, struct fail *fail);
/* RC_NOT_FOUND. */
MUST_CHECK enum rc push_rules_set_enabled(
    struct push_rules *rules, enum push_kind kind, str rule_id, bool enabled, struct fail *fail);

#endif
