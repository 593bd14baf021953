/* Inside matrix: the server's own push rules, and what reading a condition from a client and compiling it share. */
#ifndef EXEUNT_MATRIX_PUSH_RULES_INT_H
#define EXEUNT_MATRIX_PUSH_RULES_INT_H

#include "matrix/push_rules.h"

struct push_default {
	const char *id, *conditions, *actions; /* the insides of JSON arrays */
	bool disabled;
};

/* Stands in conditions for the user's id as a JSON string. */
#define PUSH_USER "\x01"

/* The server's rules of a kind, in the order in which they are asked. */
const struct push_default *push_defaults(enum push_kind kind, size_t *ret_count);

/* `is` of room_member_count: "2", "==2", "<2", ">2", "<=2", ">=2". */
enum push_order { PUSH_EQUAL, PUSH_LESS, PUSH_GREATER, PUSH_LESS_OR_EQUAL, PUSH_GREATER_OR_EQUAL };
bool push_count_parse(str is, enum push_order *ret_order, int64_t *ret_count);

#endif
