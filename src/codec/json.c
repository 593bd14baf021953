#include "codec/json_int.h"

#include <string.h>

static bool is_type(json v, yyjson_type type)
{
	return v && json_type(v) == type;
}

bool json_is_object(json v)
{
	return is_type(v, YYJSON_TYPE_OBJ);
}

bool json_is_array(json v)
{
	return is_type(v, YYJSON_TYPE_ARR);
}

bool json_is_text(json v)
{
	return is_type(v, YYJSON_TYPE_STR);
}

bool json_is_null(json v)
{
	return is_type(v, YYJSON_TYPE_NULL);
}

bool json_is_bool(json v)
{
	return is_type(v, YYJSON_TYPE_BOOL);
}

bool json_is_true(json v)
{
	return json_is_bool(v) && json_subtype(v) == YYJSON_SUBTYPE_TRUE;
}

bool json_is_integer(json v)
{
	int64_t value;
	return json_integer(v, &value);
}

bool json_text(json v, str *ret_text)
{
	if (!json_is_text(v))
		return false;
	*ret_text = json_bytes(v);
	return true;
}

bool json_integer(json v, int64_t *ret_value)
{
	if (!is_type(v, YYJSON_TYPE_NUM))
		return false;
	if (json_subtype(v) == YYJSON_SUBTYPE_UINT && v->uni.u64 <= (uint64_t)JSON_INTEGER_MAX) {
		*ret_value = (int64_t)v->uni.u64;
		return true;
	}
	if (json_subtype(v) == YYJSON_SUBTYPE_SINT && v->uni.i64 >= -JSON_INTEGER_MAX) {
		*ret_value = v->uni.i64; /* yyjson: never above 0 */
		return true;
	}
	return false;
}

bool json_int64(json v, int64_t *ret_value)
{
	if (!is_type(v, YYJSON_TYPE_NUM) || json_subtype(v) == YYJSON_SUBTYPE_REAL)
		return false;
	if (json_subtype(v) == YYJSON_SUBTYPE_UINT && v->uni.u64 > INT64_MAX)
		return false;
	*ret_value = v->uni.i64; /* both kinds share the bits */
	return true;
}

bool json_double(json v, double *ret_value)
{
	if (!is_type(v, YYJSON_TYPE_NUM) || json_subtype(v) != YYJSON_SUBTYPE_REAL)
		return false;
	*ret_value = v->uni.f64;
	return true;
}

bool json_bool(json v, bool *ret_value)
{
	if (!json_is_bool(v))
		return false;
	*ret_value = json_is_true(v);
	return true;
}

str json_text_or(json v, str otherwise)
{
	return json_is_text(v) ? json_bytes(v) : otherwise;
}

str json_get_text(json object, str key)
{
	return json_text_or(json_get(object, key), STR_EMPTY);
}

json json_get(json object, str key)
{
	if (!json_is_object(object))
		return NULL;
	json at = object + 1;
	for (size_t left = json_length(object); left > 0; left--, at = json_after(at + 1))
		if (json_length(at) == key.n && (key.n == 0 || memcmp(at->uni.str, key.p, key.n) == 0))
			return at + 1;
	return NULL;
}

json json_at(json array, size_t index)
{
	if (!json_is_array(array) || index >= json_length(array))
		return NULL;
	json at = array + 1;
	while (index-- > 0)
		at = json_after(at);
	return at;
}

size_t json_count(json container)
{
	return container && json_is_container(container) ? json_length(container) : 0;
}

struct json_iter json_iter(json container)
{
	size_t count = json_count(container);
	return (struct json_iter){container, count ? container + 1 : NULL, count};
}

bool json_next(struct json_iter *iter, str *ret_key, json *ret_value)
{
	if (iter->left == 0)
		return false;
	json value = iter->next;
	if (json_is_object(iter->container)) {
		if (ret_key)
			*ret_key = json_bytes(value);
		value++;
	} else if (ret_key) {
		*ret_key = STR_EMPTY;
	}
	*ret_value = value;
	iter->next = json_after(value);
	iter->left--;
	return true;
}
