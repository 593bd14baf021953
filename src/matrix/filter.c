#include "matrix/filter_int.h"

#include "codec/canonical.h"

/* Whether `text` matches `pattern`, where '*' stands for any bytes. Time: the product of the lengths at worst. */
static bool matches(str pattern, str text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;
	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < pattern.n && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) { /* let the last star take one byte more */
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static bool any_matches(const struct filter_list *list, str text)
{
	for (size_t i = 0; i < list->count; i++)
		if (matches(list->entries[i], text))
			return true;
	return false;
}

static bool contains(const struct filter_list *list, str text)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->entries[i], text))
			return true;
	return false;
}

static bool lists_allow(const struct filter_list *wanted, const struct filter_list *unwanted, str text)
{
	return (!wanted->given || contains(wanted, text)) && !contains(unwanted, text);
}

bool filter_allows_room(const struct filter *filter, str room_id)
{
	return !filter || lists_allow(&filter->room.rooms, &filter->room.not_rooms, room_id);
}

bool filter_section_allows_room(const struct event_filter *section, str room_id)
{
	return lists_allow(&section->rooms, &section->not_rooms, room_id);
}

bool filter_allows(const struct event_filter *section, str type, str sender)
{
	if ((section->types.given && !any_matches(&section->types, type)) ||
	    any_matches(&section->not_types, type))
		return false;
	return sender.n == 0 || lists_allow(&section->senders, &section->not_senders, sender);
}

static bool has_url(str content)
{
	str key, value;
	while (canonical_next_member(&content, &key, &value))
		if (str_eq(key, STR("url")))
			return true;
	return false;
}

/* Of a lower-case hexadecimal digit; of anything else some value. */
static unsigned hex_value(char c)
{
	return (unsigned char)(c >= 'a' ? c - 'a' + 10 : c - '0') & 15u;
}

str filter_unescape(str s, char *memory)
{
	static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
	size_t n = 0;
	if (str_find(s, '\\') == s.n)
		return s;
	for (size_t i = 0; i < s.n && n < FILTER_FIELD_MAX_BYTES; i++) {
		char c = s.p[i];
		if (c == '\\' && i + 1 < s.n) {
			c = s.p[++i];
			size_t at = str_find(str_of(letters), c);
			if (letters[at]) {
				c = meanings[at];
			} else if (c == 'u' && i + 4 < s.n) {
				c = (char)(hex_value(s.p[i + 3]) << 4 | hex_value(s.p[i + 4]));
				i += 4;
			}
		}
		memory[n++] = c;
	}
	return (str){memory, n};
}

static str unquoted(str json_string, char *memory)
{
	return filter_unescape(
	    str_first(str_from(json_string, 1), json_string.n < 2 ? 0 : json_string.n - 2), memory);
}

static bool looks_at_events(const struct event_filter *section)
{
	return section->types.given || section->not_types.given || section->senders.given ||
	       section->not_senders.given || section->has_contains_url;
}

bool filter_allows_event(const struct event_filter *section, str canonical)
{
	char type_memory[FILTER_FIELD_MAX_BYTES], sender_memory[FILTER_FIELD_MAX_BYTES];
	str type = STR_EMPTY, sender = STR_EMPTY, content = STR_EMPTY;
	str key, value;
	if (!looks_at_events(section))
		return true;
	while (canonical_next_member(&canonical, &key, &value)) {
		if (str_eq(key, STR("type")))
			type = unquoted(value, type_memory);
		else if (str_eq(key, STR("sender")))
			sender = unquoted(value, sender_memory);
		else if (str_eq(key, STR("content")))
			content = value;
	}
	return filter_allows(section, type, sender) &&
	       (!section->has_contains_url || has_url(content) == section->contains_url);
}

bool filter_asks_for_children(const struct event_filter *section)
{
	return section && (section->related_by_rel_types.given || section->related_by_senders.given);
}
