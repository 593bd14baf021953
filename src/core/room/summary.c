/* GET /room_summary. */
#include "core/room/cards.h"
#include "core/room/spaces.h"

enum rc room_summary_answer(struct store *store, struct arena *arena, str room_id, int64_t viewer,
    struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_row room;
	struct card_view view = {0};
	TRY(txn_ro_begin(store, &txn));
	enum rc rc = room_find(txn, arena, room_id, &room);
	if (rc == RC_OK)
		rc = card_view_open(txn, arena, room.room, viewer, &view);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !view.is_visible))
		return fail_set(fail, RC_NOT_FOUND, "There is no such room, or you may not see it");
	TRY(rc);
	buf_putc(out, '{');
	card_view_put(out, &view);
	if (viewer != 0) {
		enum membership membership =
		    view.membership == MEMBERSHIP_NONE ? MEMBERSHIP_LEAVE : view.membership;
		json_put_key(out, STR("membership"));
		json_put_text(out, membership_text(membership));
	}
	buf_putc(out, '}');
	return buf_status(out);
}
