/* Reading m.ignored_user_list, as a client writes it. */
#include "core/account/account_data.h"
#include "core/account/accounts_int.h"
#include "matrix/ids.h"

#include <stdlib.h>

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const str *)a, *(const str *)b);
}

enum rc ignored_list_read(struct arena *arena, json content, str own_user_id,
    struct ignored_list *ret_list, struct fail *fail)
{
	json users = json_get(content, STR("ignored_users"));
	struct ignored_list list = {0};
	struct json_iter iter = json_iter(json_is_object(users) ? users : NULL);
	str user_id;
	json ignored;
	if (json_count(users) > IGNORED_USERS_MAX)
		return fail_set(fail, RC_TOO_LARGE, "ignored_users may have at most %d members",
		    IGNORED_USERS_MAX);
	list.user_ids = arena_array(arena, str, json_count(users));
	TRY(arena_status(arena));
	while (json_next(&iter, &user_id, &ignored))
		if (user_id_parse(user_id, NULL) && !str_eq(user_id, own_user_id))
			list.user_ids[list.count++] = user_id;
	if (list.count > 0)
		qsort(list.user_ids, list.count, sizeof *list.user_ids, by_bytes);
	*ret_list = list;
	return RC_OK;
}
