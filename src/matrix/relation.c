#include "matrix/relation.h"

#include "matrix/ids.h"

bool relation_of(json content, struct relation *ret_relation)
{
	json relates_to = json_get(content, STR("m.relates_to"));
	struct relation relation = {
	    .rel_type = json_get_text(relates_to, STR("rel_type")),
	    .parent = json_get_text(relates_to, STR("event_id")),
	    .key = json_get_text(relates_to, STR("key")),
	};
	if (relation.rel_type.n == 0 || relation.rel_type.n > REL_TYPE_MAX_BYTES ||
	    !event_id_parse(relation.parent, NULL))
		return false;
	*ret_relation = relation;
	return true;
}

bool replacement_fits(str type, bool is_state, json content)
{
	return !is_state && (str_eq(type, STR("m.room.encrypted")) ||
				json_is_object(json_get(content, STR("m.new_content"))));
}
