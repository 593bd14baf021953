#include "core/account/turn.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/sha1.h"

static bool is_turn_uri(str uri)
{
	return str_starts(uri, STR("turn:")) || str_starts(uri, STR("turns:"));
}

enum rc turn_config_check(const struct turn_config *config, struct fail *fail)
{
	str rest = config->uris, uri;
	if (config->uris.n == 0)
		return RC_OK;
	while (str_split(&rest, ',', &uri))
		if (!is_turn_uri(str_trim(uri)))
			return fail_set(fail, RC_INVALID_PARAM,
			    "turn.uris takes turn: and turns: URIs, separated by commas, not "
			    "'%.*s'",
			    STR_ARG(str_first(uri, 80)));
	if (config->secret.n == 0 && (config->username.n == 0 || config->password.n == 0))
		return fail_set(fail, RC_INVALID_PARAM,
		    "turn.uris needs turn.shared_secret, or turn.username and turn.password");
	return RC_OK;
}

/* The password as base64 with its padding: RFC 4648, of 20 bytes. */
static enum rc from_secret(const struct turn_config *config, struct arena *arena, str user_id,
    int64_t now_wall_ms, str *ret_username, str *ret_password)
{
	unsigned char mac[SHA1_BYTES];
	long long ends_s = (long long)((now_wall_ms + config->user_life_ms) / 1000);
	str username = arena_printf(arena, "%lld:%.*s", ends_s, STR_ARG(user_id));
	TRY(arena_status(arena));
	TRY(hmac_sha1(arena, config->secret, username, mac));
	str unpadded = base64_encode(arena, BASE64_STANDARD, str_bytes(mac, sizeof mac));
	*ret_username = username;
	*ret_password = arena_printf(arena, "%.*s=", STR_ARG(unpadded));
	return arena_status(arena);
}

static void put_uris(struct buf *out, str uris)
{
	str uri;
	buf_putc(out, '[');
	while (str_split(&uris, ',', &uri)) {
		json_put_comma(out);
		json_put_text(out, str_trim(uri));
	}
	buf_putc(out, ']');
}

enum rc turn_credentials_put(const struct turn_config *config, struct arena *arena, str user_id,
    int64_t now_wall_ms, struct buf *out, struct fail *fail)
{
	str username = config->username, password = config->password;
	if (config->uris.n == 0)
		return fail_set(fail, RC_NOT_FOUND, "This server has no TURN server");
	if (config->secret.n > 0)
		TRY(from_secret(config, arena, user_id, now_wall_ms, &username, &password));
	buf_put(out, STR("{\"username\":"));
	json_put_text(out, username);
	buf_put(out, STR(",\"password\":"));
	json_put_text(out, password);
	buf_put(out, STR(",\"uris\":"));
	put_uris(out, config->uris);
	buf_put(out, STR(",\"ttl\":"));
	buf_put_i64(out, config->user_life_ms / 1000);
	buf_putc(out, '}');
	return buf_status(out);
}
