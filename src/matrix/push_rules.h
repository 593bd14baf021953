/*
 * The push rules that every account starts with: Client-Server API, "Push Notifications", "Predefined Rules".
 * Any thread.
 */
#ifndef EXEUNT_MATRIX_PUSH_RULES_H
#define EXEUNT_MATRIX_PUSH_RULES_H

#include "base/buf.h"

/*
 * The content of the account's m.push_rules, which is also the answer of GET pushrules/: {"global":{…}} with the
 * kinds content, override, room, sender and underride, rules in the order of their priority.
 */
MUST_CHECK enum rc push_rules_default(struct arena *arena, str user_id, str *ret_json);

#endif
