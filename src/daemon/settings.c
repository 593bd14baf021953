#include "api/client_address.h"
#include "base/buf.h"
#include "daemon/settings_int.h"
#include "matrix/ids.h"
#include "matrix/room_version.h"

#include <arpa/inet.h>
#include <string.h>

enum { EXAMPLE_MAX_BYTES = 64 * 1024 };

#define ROW(section, name) STR_INIT(#section), STR_INIT(#name)
#define AT(section, name) offsetof(struct settings, section##_##name)

static const struct setting rows[] = {
#define SETTING_TEXT(section, name, value, least, greatest, help)                                \
	{ROW(section, name), KIND_TEXT, AT(section, name), STR_INIT(value), 0, least, greatest, {0}, STR_INIT(help)},
#define SETTING_INTEGER(section, name, value, least, greatest, help)                             \
	{ROW(section, name), KIND_INTEGER, AT(section, name), {0}, value, least, greatest, {0}, STR_INIT(help)},
#define SETTING_BOOL(section, name, value, help)                                                 \
	{ROW(section, name), KIND_BOOL, AT(section, name), {0}, value, 0, 1, {0}, STR_INIT(help)},
#define SETTING_CHOICE(section, name, value, choices, help)                                      \
	{ROW(section, name), KIND_CHOICE, AT(section, name), STR_INIT(value), 0, 0, 0, STR_INIT(choices),       \
	 STR_INIT(help)},
#define SETTING_VERSION(section, name, value, help)                                              \
	{ROW(section, name), KIND_VERSION, AT(section, name), STR_INIT(value), 0, 0, 0, {0}, STR_INIT(help)},
#include "daemon/settings.def"
#undef SETTING_TEXT
#undef SETTING_INTEGER
#undef SETTING_BOOL
#undef SETTING_CHOICE
#undef SETTING_VERSION
};

_Static_assert(COUNT_OF(rows) <= SETTINGS_MAX, "SETTINGS_MAX is too small");

const struct setting *settings_rows(size_t *ret_count)
{
	*ret_count = COUNT_OF(rows);
	return rows;
}

static void *place_of(struct settings *settings, const struct setting *row)
{
	return (char *)settings + row->offset;
}

static bool choice_find(const struct setting *row, str value, int64_t *ret_number)
{
	str rest = row->choices, choice;
	for (int64_t number = 0; str_split(&rest, '|', &choice); number++)
		if (str_eq(choice, value)) {
			*ret_number = number;
			return true;
		}
	return false;
}

void settings_default(struct settings *settings)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		void *place = place_of(settings, &rows[i]);
		switch (rows[i].kind) {
		case KIND_TEXT:
		case KIND_VERSION:
			*(str *)place = rows[i].text;
			break;
		case KIND_INTEGER:
			*(int64_t *)place = rows[i].number;
			break;
		case KIND_BOOL:
			*(bool *)place = rows[i].number != 0;
			break;
		case KIND_CHOICE:
			*(int64_t *)place = 0;
			(void)choice_find(&rows[i], rows[i].text, place);
			break;
		}
	}
}

static enum rc set_text(const struct setting *row, struct arena *arena, str value, str *place, struct fail *fail)
{
	if ((int64_t)value.n < row->least || (int64_t)value.n > row->greatest)
		return fail_set(fail, RC_INVALID_PARAM, "%.*s.%.*s takes a text of %lld to %lld bytes",
		                STR_ARG(row->section), STR_ARG(row->name), (long long)row->least,
		                (long long)row->greatest);
	*place = arena_dup(arena, value);
	return arena_status(arena);
}

static enum rc set_integer(const struct setting *row, str value, int64_t *place, struct fail *fail)
{
	if (!str_to_i64(value, row->least, row->greatest, place))
		return fail_set(fail, RC_INVALID_PARAM, "%.*s.%.*s takes a number from %lld to %lld, not '%.*s'",
		                STR_ARG(row->section), STR_ARG(row->name), (long long)row->least,
		                (long long)row->greatest, STR_ARG(str_first(value, 40)));
	return RC_OK;
}

static enum rc set_bool(const struct setting *row, str value, bool *place, struct fail *fail)
{
	bool is_true = str_eq(value, STR("true"));
	if (!is_true && !str_eq(value, STR("false")))
		return fail_set(fail, RC_INVALID_PARAM, "%.*s.%.*s takes true or false, not '%.*s'",
		                STR_ARG(row->section), STR_ARG(row->name), STR_ARG(str_first(value, 40)));
	*place = is_true;
	return RC_OK;
}

static enum rc set_choice(const struct setting *row, str value, int64_t *place, struct fail *fail)
{
	if (!choice_find(row, value, place))
		return fail_set(fail, RC_INVALID_PARAM, "%.*s.%.*s takes one of %.*s, not '%.*s'", STR_ARG(row->section),
		                STR_ARG(row->name), STR_ARG(row->choices), STR_ARG(str_first(value, 40)));
	return RC_OK;
}

static void put_versions(struct buf *out)
{
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%.*s", i ? "|" : "", STR_ARG(versions[i].name));
}

static enum rc set_version(const struct setting *row, struct arena *arena, str value, str *place, struct fail *fail)
{
	const struct room_version *version = room_version_find(value);
	if (version) {
		*place = version->name;
		return RC_OK;
	}
	struct buf known;
	buf_init(&known, arena, EXAMPLE_MAX_BYTES);
	put_versions(&known);
	TRY(buf_status(&known));
	return fail_set(fail, RC_INVALID_PARAM, "%.*s.%.*s takes one of %.*s, not '%.*s'", STR_ARG(row->section),
	                STR_ARG(row->name), STR_ARG(buf_str(&known)), STR_ARG(str_first(value, 40)));
}

enum rc setting_assign(struct settings *settings, const struct setting *row, struct arena *arena, str value,
                       struct fail *fail)
{
	void *place = place_of(settings, row);
	switch (row->kind) {
	case KIND_TEXT:
		return set_text(row, arena, value, place, fail);
	case KIND_INTEGER:
		return set_integer(row, value, place, fail);
	case KIND_BOOL:
		return set_bool(row, value, place, fail);
	case KIND_CHOICE:
		return set_choice(row, value, place, fail);
	case KIND_VERSION:
		return set_version(row, arena, value, place, fail);
	}
	return RC_UNKNOWN;
}

static enum rc set_named(struct settings *settings, struct arena *arena, str section, str name, str value,
                           struct fail *fail)
{
	bool known_section = false;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!str_eq(rows[i].section, section))
			continue;
		known_section = true;
		if (str_eq(rows[i].name, name))
			return setting_assign(settings, &rows[i], arena, value, fail);
	}
	return fail_set(fail, RC_INVALID_PARAM, "there is no setting %.*s.%.*s%s", STR_ARG(str_first(section, 60)),
	                STR_ARG(str_first(name, 60)), known_section ? "" : " (nor such a section)");
}

enum rc settings_set(struct settings *settings, struct arena *arena, str assignment, struct fail *fail)
{
	str value = assignment, full_name, section;
	if (!str_split(&value, '=', &full_name) || !value.p || !str_split(&full_name, '.', &section) || !full_name.p)
		return fail_set(fail, RC_INVALID_PARAM, "--set takes SECTION.NAME=VALUE, not '%.*s'",
		                STR_ARG(str_first(assignment, 80)));
	return set_named(settings, arena, section, full_name, value, fail);
}

static bool address_numeric(str host, bool bracketed)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	if (host.n >= sizeof text)
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(bracketed ? AF_INET6 : AF_INET, text, address) == 1;
}

bool listen_parse(str text, str *ret_host, uint16_t *ret_port)
{
	int64_t port;
	size_t colon = str_find_last(text, ':');
	str host = str_first(text, colon);
	bool bracketed = host.n >= 2 && str_starts(host, STR("[")) && str_ends(host, STR("]"));
	if (bracketed)
		host = str_first(str_from(host, 1), host.n - 2);
	if (colon == text.n || !str_to_i64(str_from(text, colon + 1), 0, UINT16_MAX, &port) ||
	    !address_numeric(host, bracketed))
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}

static enum rc check_proxies(const struct settings *settings, struct fail *fail)
{
	struct trusted_proxies proxies;
	struct fail why = {0};
	enum rc rc = trusted_proxies_parse(settings->http_trusted_proxies, &proxies, &why);
	return rc == RC_OK ? rc : fail_set(fail, rc, "http.trusted_proxies: %s", fail_message(&why));
}

struct turn_config settings_turn(const struct settings *settings)
{
	return (struct turn_config){
	    .uris = settings->turn_uris,
	    .secret = settings->turn_shared_secret,
	    .username = settings->turn_username,
	    .password = settings->turn_password,
	    .user_life_ms = settings->turn_user_lifetime_ms,
	};
}

static enum rc check_turn(const struct settings *settings, struct fail *fail)
{
	struct turn_config turn = settings_turn(settings);
	if (settings->turn_shared_secret_file.n)
		turn.secret = settings->turn_shared_secret_file; /* there will be one */
	return turn_config_check(&turn, fail);
}

static enum rc check_support(const struct settings *settings, struct fail *fail)
{
	if (settings->support_matrix_id.n && !user_id_parse(settings->support_matrix_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM,
		    "support.matrix_id takes a user ID, not '%.*s'",
		    STR_ARG(str_first(settings->support_matrix_id, 80)));
	if (settings->support_page.n && !str_starts(settings->support_page, STR("https://")) &&
	    !str_starts(settings->support_page, STR("http://")))
		return fail_set(fail, RC_INVALID_PARAM,
		    "support.page takes a URL with http:// or https://, not '%.*s'",
		    STR_ARG(str_first(settings->support_page, 80)));
	return RC_OK;
}

enum rc settings_check(const struct settings *settings, struct fail *fail)
{
	str host;
	uint16_t port;
	if (!server_name_valid(settings->server_name))
		return fail_set(fail, RC_INVALID_PARAM,
		                "server.name takes a host name with an optional port, not '%.*s'",
		                STR_ARG(str_first(settings->server_name, 80)));
	if (!listen_parse(settings->http_listen, &host, &port))
		return fail_set(fail, RC_INVALID_PARAM,
		                "http.listen takes a numeric ADDRESS:PORT such as 127.0.0.1:8008 or [::1]:8008, not '%.*s'",
		                STR_ARG(str_first(settings->http_listen, 80)));
	TRY(check_proxies(settings, fail));
	TRY(check_turn(settings, fail));
	TRY(check_support(settings, fail));
	if (settings->server_base_url.n && !str_starts(settings->server_base_url, STR("http://")) &&
	    !str_starts(settings->server_base_url, STR("https://")))
		return fail_set(fail, RC_INVALID_PARAM, "server.base_url takes a URL with http:// or https://, not '%.*s'",
		                STR_ARG(str_first(settings->server_base_url, 80)));
	if (settings->deactivation_retry_first_ms > settings->deactivation_retry_max_ms)
		return fail_set(fail, RC_INVALID_PARAM,
		                "deactivation.retry_first_ms is greater than deactivation.retry_max_ms");
	return RC_OK;
}

static void put_default(struct buf *out, const struct setting *row)
{
	if (row->kind == KIND_INTEGER)
		buf_put_i64(out, row->number);
	else if (row->kind == KIND_BOOL)
		buf_put(out, row->number ? STR("true") : STR("false"));
	else
		buf_printf(out, "\"%.*s\"", STR_ARG(row->text));
}

static void put_range(struct buf *out, const struct setting *row)
{
	if (row->kind == KIND_INTEGER)
		buf_printf(out, " (%lld to %lld)", (long long)row->least, (long long)row->greatest);
	else if (row->kind == KIND_CHOICE)
		buf_printf(out, " (%.*s)", STR_ARG(row->choices));
	if (row->kind != KIND_VERSION)
		return;
	buf_put(out, STR(" ("));
	put_versions(out);
	buf_putc(out, ')');
}

enum rc settings_example(struct arena *arena, str *ret_text)
{
	struct buf out;
	buf_init(&out, arena, EXAMPLE_MAX_BYTES);
	buf_put(&out, STR("# Configuration of exeunt. Every line is a default: take away the '#' of those you change,\n"
	                  "# and of the section above them. Check it with: exeunt check --config FILE\n"));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (i == 0 || !str_eq(rows[i].section, rows[i - 1].section))
			buf_printf(&out, "\n#%.*s:\n", STR_ARG(rows[i].section));
		buf_printf(&out, "  # %.*s", STR_ARG(rows[i].help));
		put_range(&out, &rows[i]);
		buf_printf(&out, "\n#  %.*s: ", STR_ARG(rows[i].name));
		put_default(&out, &rows[i]);
		buf_putc(&out, '\n');
	}
	return buf_finish(&out, ret_text);
}
