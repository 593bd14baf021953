/* event_fields: appendices, "Dot-separated property paths". */
#include "codec/canonical.h"
#include "matrix/filter_int.h"

/* The key of an object's member, and the object that it leads into. */
struct step {
	const struct step *above; /* NULL: a member of the event itself */
	str key;                  /* as it stands in the JSON, without quotes */
};

/* What follows the first segment of `path`, if that segment is `key`; "\." and "\\" stand for themselves. */
static bool segment_is(str path, str key, str *ret_rest)
{
	char memory[FILTER_FIELD_MAX_BYTES];
	str wanted = filter_unescape(key, memory);
	size_t at = 0, n = 0;
	for (; at < path.n && path.p[at] != '.'; at++, n++) {
		if (path.p[at] == '\\' && at + 1 < path.n &&
		    (path.p[at + 1] == '.' || path.p[at + 1] == '\\'))
			at++;
		if (n >= wanted.n || wanted.p[n] != path.p[at])
			return false;
	}
	*ret_rest = str_from(path, at);
	return n == wanted.n;
}

/* The path's rest behind this step: empty when it ends there. Recursive, as deep as the event. */
static bool path_passes(str path, const struct step *step, str *ret_rest)
{
	str rest = path;
	if (step->above) {
		if (!path_passes(path, step->above, &rest) || rest.n == 0)
			return false;
		rest = str_from(rest, 1);
	}
	return segment_is(rest, step->key, ret_rest);
}

enum wanted { WANTED_NOT, WANTED_PART, WANTED_WHOLE };

static enum wanted is_wanted(const struct filter_list *paths, const struct step *step)
{
	enum wanted wanted = WANTED_NOT;
	str rest;
	for (size_t i = 0; i < paths->count && wanted != WANTED_WHOLE; i++)
		if (path_passes(paths->entries[i], step, &rest))
			wanted = rest.n == 0 ? WANTED_WHOLE : WANTED_PART;
	return wanted;
}

/* Recursive, as deep as the event. False when nothing of it is wanted. */
static bool put_members(
    const struct filter_list *paths, struct buf *out, str object, const struct step *above)
{
	struct step step = {.above = above};
	str value;
	bool any = false;
	buf_putc(out, '{');
	while (canonical_next_member(&object, &step.key, &value)) {
		enum wanted wanted = is_wanted(paths, &step);
		size_t before = out->n;
		if (wanted == WANTED_NOT || (wanted == WANTED_PART && value.p[0] != '{'))
			continue;
		json_put_comma(out);
		buf_putc(out, '"');
		buf_put(out, step.key);
		buf_put(out, STR("\":"));
		if (wanted == WANTED_WHOLE)
			buf_put(out, value);
		else if (!put_members(paths, out, value, &step)) {
			out->n = before;
			continue;
		}
		any = true;
	}
	buf_putc(out, '}');
	return any;
}

void filter_put_fields(const struct filter *filter, struct buf *out, str event)
{
	(void)put_members(&filter->event_fields, out, event, NULL);
}
