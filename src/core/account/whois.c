#include "core/account/whois.h"

#include "core/account/accounts_int.h"
#include "matrix/ids.h"

static enum rc asker_check(
    const struct accounts *accounts, const struct session *session, str user_id, struct fail *fail)
{
	struct id_parts parts;
	if (!session->admin && !str_eq(user_id, session->user_id))
		return fail_set(fail, RC_FORBIDDEN,
		    "Only the user and the administrators of this server may ask this");
	if (!user_id_parse(user_id, &parts) ||
	    !str_eq(parts.domain, accounts->config.server_name))
		return fail_set(fail, RC_INVALID_PARAM, "This is no user ID of this server");
	return RC_OK;
}

static void put_device(struct buf *out, const struct device *device)
{
	json_put_key(out, device->device_id);
	buf_put(out, STR("{\"sessions\":[{\"connections\":["));
	if (device->last_seen_ms > 0) {
		buf_put(out, STR("{\"ip\":"));
		json_put_text(out, device->last_seen_ip);
		buf_put(out, STR(",\"last_seen\":"));
		buf_put_i64(out, device->last_seen_ms);
		buf_putc(out, '}');
	}
	buf_put(out, STR("]}]}"));
}

enum rc whois_put(struct accounts *accounts, struct arena *arena, const struct session *session,
    str user_id, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct account account;
	struct device *devices;
	size_t count;
	TRY(asker_check(accounts, session, user_id, fail));
	TRY(txn_ro_begin(accounts->config.store, &txn));
	enum rc rc = account_find(txn, arena, user_id, &account);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, rc, "There is no such account");
	TRY(rc);
	TRY(devices_of(txn, arena, account.user, &devices, &count));
	buf_put(out, STR("{\"user_id\":"));
	json_put_text(out, account.user_id);
	buf_put(out, STR(",\"devices\":{"));
	for (size_t i = 0; i < count; i++)
		put_device(out, &devices[i]);
	buf_put(out, STR("}}"));
	return buf_status(out);
}
