/* Query parameters and fields of bodies: declared in request.h. */
#include "api/request.h"

#include "base/assert.h"
#include "codec/uri.h"
#include "matrix/ids.h"

#include <inttypes.h>
#include <string.h>

enum rc api_query(struct api_request *rq, str name, str *ret_value)
{
	str cursor = http_query(rq->http), raw_name, raw_value;
	while (uri_query_next(&cursor, &raw_name, &raw_value)) {
		if (!str_eq(raw_name, name)) /* our names need no escapes */
			continue;
		if (uri_decode_query(rq->arena, raw_value, ret_value) != RC_OK)
			return fail_set(&rq->fail, RC_INVALID_PARAM,
			    "The query parameter %.*s is not UTF-8 text", STR_ARG(name));
		if (!ret_value->p) /* present and empty is not absent */
			*ret_value = STR("");
		return RC_OK;
	}
	*ret_value = STR_EMPTY;
	return RC_OK;
}

enum rc api_query_integer(struct api_request *rq, str name, int64_t min, int64_t max,
    int64_t otherwise, int64_t *ret_value)
{
	str text;
	TRY(api_query(rq, name, &text));
	if (!text.p)
		*ret_value = otherwise;
	else if (!str_to_i64(text, min, max, ret_value))
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		    "The query parameter %.*s must be an integer from %" PRId64 " to %" PRId64,
		    STR_ARG(name), min, max);
	return RC_OK;
}

enum rc api_query_bool(struct api_request *rq, str name, bool otherwise, bool *ret_value)
{
	str text;
	TRY(api_query(rq, name, &text));
	if (!text.p)
		*ret_value = otherwise;
	else if (str_eq(text, STR("true")) || str_eq(text, STR("false")))
		*ret_value = str_eq(text, STR("true"));
	else
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		    "The query parameter %.*s must be true or false", STR_ARG(name));
	return RC_OK;
}

static const char *field_kind_text(enum field_kind kind)
{
	switch (kind) {
	case FIELD_TEXT:
		return "a string";
	case FIELD_BOOL:
		return "true or false";
	case FIELD_INTEGER:
		return "an integer";
	case FIELD_OBJECT:
		return "an object";
	case FIELD_ARRAY:
		return "an array";
	case FIELD_ANY:
		break;
	}
	return "a value";
}

/* Puts the value where the table says; false: it is of another kind. */
static bool field_store(const struct field *field, json value, void *place)
{
	switch (field->kind) {
	case FIELD_TEXT:
		return json_text(value, place);
	case FIELD_BOOL:
		return json_bool(value, place);
	case FIELD_INTEGER:
		return json_integer(value, place);
	case FIELD_OBJECT:
	case FIELD_ARRAY:
	case FIELD_ANY:
		if (field->kind != FIELD_ANY &&
		    !(field->kind == FIELD_OBJECT ? json_is_object(value) : json_is_array(value)))
			return false;
		memcpy(place, &value, sizeof(value));
		return true;
	}
	return false;
}

static enum rc field_range(struct api_request *rq, const struct field *field, const void *place)
{
	if (field->kind == FIELD_TEXT) {
		size_t n = ((const str *)place)->n;
		if (field->max > 0 && n > (size_t)field->max)
			return fail_set(&rq->fail, RC_INVALID_PARAM,
			    "%s may have at most %" PRId64 " bytes", field->name, field->max);
		if (n < (size_t)field->min)
			return fail_set(&rq->fail, RC_INVALID_PARAM,
			    "%s must have at least %" PRId64 " bytes", field->name, field->min);
	}
	if (field->kind == FIELD_INTEGER && field->min < field->max) {
		int64_t number = *(const int64_t *)place;
		if (number < field->min || number > field->max)
			return fail_set(&rq->fail, RC_INVALID_PARAM,
			    "%s must be from %" PRId64 " to %" PRId64, field->name, field->min,
			    field->max);
	}
	return RC_OK;
}

enum rc api_read_object(
    struct api_request *rq, json object, const struct field *fields, size_t count, void *ret_struct)
{
	for (size_t i = 0; i < count; i++) {
		const struct field *field = &fields[i];
		void *place = (char *)ret_struct + field->offset;
		json value = json_get(object, str_of(field->name));
		if (!value && field->required)
			return fail_set(&rq->fail, RC_MISSING_PARAM, "%s is missing", field->name);
		if (!value || (json_is_null(value) && !field->required))
			continue;
		if (!field_store(field, value, place))
			return fail_set(&rq->fail, RC_BAD_JSON, "%s must be %s", field->name,
			    field_kind_text(field->kind));
		TRY(field_range(rq, field, place));
	}
	return RC_OK;
}

enum rc api_read_body(
    struct api_request *rq, const struct field *fields, size_t count, void *ret_struct)
{
	return api_read_object(rq, rq->body, fields, count, ret_struct);
}

enum rc api_own_user(struct api_request *rq, str user_id)
{
	ASSERT(rq->has_session);
	if (str_eq(user_id, rq->session.user_id))
		return RC_OK;
	if (!user_id_parse(user_id, NULL))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "The path holds no valid user ID");
	return fail_set(&rq->fail, RC_FORBIDDEN, "This belongs to another user");
}
