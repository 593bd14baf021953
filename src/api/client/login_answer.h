/* What login and registration have in common. Private to src/api/client. */
#ifndef EXEUNT_API_CLIENT_LOGIN_ANSWER_H
#define EXEUNT_API_CLIENT_LOGIN_ANSWER_H

#include "api/request.h"

/* The members of a body that say how to log in. */
struct login_fields {
	str device_id, initial_device_display_name;
	bool refresh_token;
};
struct login_request client_login_request(const struct login_fields *fields);

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are the names of a type and a member */
/* clang-format off */
#define LOGIN_FIELDS(type, member)                                                                 \
	{"device_id", FIELD_TEXT, false, 0, 255, offsetof(type, member.device_id)},                \
	{"initial_device_display_name", FIELD_TEXT, false, 0, 255,                                 \
	 offsetof(type, member.initial_device_display_name)},                                      \
	{"refresh_token", FIELD_BOOL, false, 0, 0, offsetof(type, member.refresh_token)}
/* clang-format on */
/* NOLINTEND(bugprone-macro-parentheses) */

/* 200 with user_id and, where there are any, tokens and device. */
enum rc client_answer_login(struct api_request *rq, const struct login_result *result);

#endif
