/* What a sync tells besides lists of devices: messages to the device, and how many keys it has. */
#include "core/keys/keys_int.h"

#include "store/to_device.h"

static const str default_algorithm = STR_INIT("signed_curve25519");

struct message_writer {
	struct buf *out;
	size_t count;
	int64_t last;
};

static enum rc message_put(void *self, const struct to_device_message *message)
{
	struct message_writer *writer = self;
	struct buf *out = writer->out;
	json_put_comma(out);
	buf_put(out, STR("{\"content\":"));
	buf_put(out, message->content);
	buf_put(out, STR(",\"sender\":"));
	json_put_text(out, message->sender);
	buf_put(out, STR(",\"type\":"));
	json_put_text(out, message->type);
	buf_putc(out, '}');
	writer->count++;
	writer->last = message->pos;
	return RC_OK;
}

enum rc keys_put_to_device(struct txn_ro *txn, int64_t device, int64_t after, int64_t upto,
    size_t limit, struct buf *out, size_t *ret_count, int64_t *ret_upto)
{
	struct message_writer writer = {.out = out};
	TRY(to_device_between(txn, device, after, upto, limit, message_put, &writer));
	*ret_count = writer.count;
	*ret_upto = writer.count < limit ? upto : writer.last;
	return buf_status(out);
}

enum rc keys_acknowledgement_due(struct txn_ro *txn, int64_t device, int64_t upto, bool *ret_due)
{
	return to_device_is_kept(txn, device, upto, ret_due);
}

struct acknowledgement {
	int64_t device, upto;
};

static enum rc write_acknowledgement(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct acknowledgement *acknowledgement = arg;
	return to_device_acknowledge(txn, acknowledgement->device, acknowledgement->upto);
}

enum rc keys_acknowledge(struct store *store, int64_t device, int64_t upto)
{
	struct acknowledgement acknowledgement = {device, upto};
	return store_write(store, write_acknowledgement, &acknowledgement, NULL);
}

enum rc keys_put_counts(struct txn_ro *txn, struct arena *arena, int64_t device, struct buf *out)
{
	struct otk_count *counts;
	size_t count;
	bool has_default = false;
	TRY(otk_counts(txn, arena, device, &counts, &count));
	buf_putc(out, '{');
	for (size_t i = 0; i < count; i++) {
		json_put_key(out, counts[i].algorithm);
		buf_put_i64(out, counts[i].count);
		has_default |= str_eq(counts[i].algorithm, default_algorithm);
	}
	if (!has_default) {
		json_put_key(out, default_algorithm);
		buf_putc(out, '0');
	}
	buf_putc(out, '}');
	return buf_status(out);
}

enum rc keys_put_unused_fallbacks(
    struct txn_ro *txn, struct arena *arena, int64_t device, struct buf *out)
{
	str *algorithms;
	size_t count;
	TRY(fallback_unused(txn, arena, device, &algorithms, &count));
	buf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_comma(out);
		json_put_text(out, algorithms[i]);
	}
	buf_putc(out, ']');
	return buf_status(out);
}
