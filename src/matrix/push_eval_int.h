/* Inside matrix: push rules as push_compile.c leaves them and push_eval.c asks them. */
#ifndef EXEUNT_MATRIX_PUSH_EVAL_INT_H
#define EXEUNT_MATRIX_PUSH_EVAL_INT_H

#include "matrix/push_eval.h"
#include "matrix/push_glob.h"
#include "matrix/push_rules_int.h"

enum {
	PUSH_PATHS_KEPT = 64
}; /* properties that are looked up once for each event; others each time */

/* A property of the event, named by a dot-separated path; each stands once in a ruleset. */
struct push_path {
	str text;
	const str *keys;
	size_t count;
	bool is_body; /* content.body */
	enum {
		PATH_IN_EVENT,
		PATH_EVENT_ID,
		PATH_ROOM_ID,
		PATH_HIDDEN
	} where; /* HIDDEN: clients do not see it */
};

enum push_test {
	TEST_NEVER, /* a condition that is not understood */
	TEST_MATCH, /* event_match */
	TEST_WORDS, /* the same on content.body */
	TEST_IS,
	TEST_CONTAINS,
	TEST_MEMBER_COUNT,
	TEST_PERMISSION,
	TEST_DISPLAY_NAME,
};

struct push_condition {
	enum push_test test;
	bool is_of_user; /* the pattern or value is the user's id, and is taken literally */
	size_t path;     /* index */
	struct glob glob;
	json value;
	enum push_order order;
	int64_t count;
	str key; /* of TEST_PERMISSION */
};

struct push_compiled_rule {
	str rule_id, actions;
	const struct push_condition *conditions;
	size_t condition_count;
	bool notify, highlight;
};

struct push_ruleset {
	const struct push_path *paths;
	size_t path_count;
	/* By kinds; the rules of rooms and senders sorted by id, since no two can match. */
	const struct push_compiled_rule *rules[PUSH_KINDS];
	size_t count[PUSH_KINDS];
};

#endif
