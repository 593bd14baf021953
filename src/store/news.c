/*
 * The text of a notification: the teller's process and position, then a line for each piece of news: a letter, the id,
 * and for some a text, in which all but printable ASCII is written %XX: a payload is text in the encoding of the
 * database, and one that it cannot hold would fail the commit of the whole group.
 */
#include "store/news_int.h"

#include "base/log.h"
#include "store/postgres_int.h"
#include "store/store_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LISTEN_RETRY_MS = 500,
	LOOK_MS = 1000, /* positions are compared with what was heard: a connection may be dead and not know it */
	ESCAPED_CHARS = 3,
};

static const char letters[] = {
    [NEWS_EVERYTHING] = '*',
    [NEWS_ROOM] = 'r',
    [NEWS_USER] = 'u',
    [NEWS_SESSIONS] = 's',
    [NEWS_DEPARTURES] = 'd',
    [NEWS_DELAYED] = 'l',
    [NEWS_PROCESSES] = 'p',
    [NEWS_TYPING] = 't',
};

/* ---- telling ---- */

void news_clear(struct outgoing_news *news)
{
	news->n = 0;
	news->is_too_much = false;
}

struct news_mark news_mark(const struct outgoing_news *news)
{
	return (struct news_mark){news->n, news->is_too_much};
}

void news_rewind(struct outgoing_news *news, struct news_mark mark)
{
	news->n = mark.n;
	news->is_too_much = mark.is_too_much;
}

static bool is_told(const struct outgoing_news *news, str line)
{
	return memmem(news->text, news->n, line.p, line.n) != NULL;
}

static void line_add(struct txn_rw *txn, str line)
{
	struct outgoing_news *news = &txn->ro.store->writer.news;
	if (news->n + line.n > sizeof news->text)
		news->is_too_much = true;
	if (!txn->ro.store->engine->is_shared || news->is_too_much)
		return;
	memcpy(news->text + news->n, line.p, line.n);
	news->n += line.n;
}

void txn_tell(struct txn_rw *txn, enum news_kind kind, int64_t id)
{
	char text[NEWS_ITEM_BYTES + 8];
	int n = snprintf(text, sizeof text, "\n%c%lld;", letters[kind], (long long)id);
	str line = {text, (size_t)n};
	if (!is_told(&txn->ro.store->writer.news, line))
		line_add(txn, line);
}

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c < 0x7f && c != '%';
}

enum rc txn_tell_text(struct txn_rw *txn, enum news_kind kind, int64_t id, str text)
{
	char line[NEWS_ITEM_BYTES + NEWS_TEXT_MAX * ESCAPED_CHARS + 8];
	if (text.n > NEWS_TEXT_MAX)
		return RC_TOO_LARGE;
	size_t n = (size_t)snprintf(line, sizeof line, "\n%c%lld;", letters[kind], (long long)id);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (is_plain(c))
			line[n++] = text.p[i];
		else
			n += (size_t)snprintf(line + n, sizeof line - n, "%%%02X", c);
	}
	line_add(txn, (str){line, n});
	return RC_OK;
}

static str channel_of(const struct store *store, char name[32])
{
	int n = snprintf(name, 32, "exeunt_%.*s", TAG_LETTERS, store->tag);
	return (str){name, (size_t)n};
}

enum rc news_send(struct txn_rw *txn)
{
	struct store *store = txn->ro.store;
	struct outgoing_news *news = &store->writer.news;
	char text[NEWS_MAX_BYTES + 64], name[32];
	bool is_silent = news->n == 0 && !news->is_too_much && txn->numbers.pos == store->writer.on_disk.pos;
	if (!store->engine->is_shared || is_silent)
		return RC_OK;
	int n = snprintf(text, sizeof text, "%lld %lld%.*s", (long long)store->process, (long long)txn->numbers.pos,
	    news->is_too_much ? 3 : (int)news->n, news->is_too_much ? "\n*;" : news->text);
	return RUN(txn, notify, T(channel_of(store, name)), T(((str){text, (size_t)n})));
}

/* ---- listening ---- */

static bool kind_of(char letter, enum news_kind *ret_kind)
{
	for (size_t i = 0; i < sizeof letters; i++)
		if (letters[i] == letter) {
			*ret_kind = (enum news_kind)i;
			return true;
		}
	return false;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False: it is not what txn_tell_text() writes. */
static bool text_read(str escaped, char text[NEWS_TEXT_MAX], size_t *ret_n)
{
	size_t n = 0;
	for (size_t i = 0; i < escaped.n; i++) {
		char c = escaped.p[i];
		if (n == NEWS_TEXT_MAX)
			return false;
		if (c == '%') {
			int high = i + 2 < escaped.n ? hex_value(escaped.p[i + 1]) : -1;
			int low = high >= 0 ? hex_value(escaped.p[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		text[n++] = c;
	}
	*ret_n = n;
	return true;
}

static void line_hear(struct listener *listener, str line)
{
	struct news news = {0};
	char text[NEWS_TEXT_MAX];
	str rest = str_from(line, 1), id;
	if (line.n == 0 || !kind_of(line.p[0], &news.kind) || str_find(line, ';') == line.n || !str_split(&rest, ';', &id))
		return;
	if (id.n > 0 && !str_to_i64(id, 0, INT64_MAX, &news.id))
		return;
	if (!text_read(rest, text, &news.text.n))
		return;
	news.text.p = text;
	listener->fn(listener->self, &news);
}

void position_raise(struct store *store, int64_t pos)
{
	int64_t known = __atomic_load_n(&store->committed_pos, __ATOMIC_ACQUIRE);
	while (known < pos && !__atomic_compare_exchange_n(&store->committed_pos, &known, pos, false, __ATOMIC_RELEASE,
	                          __ATOMIC_ACQUIRE))
		;
}

static void notification_hear(void *self, str text)
{
	struct store *store = self;
	str rest = text, head, process_text, line;
	int64_t process = 0, pos = 0;
	if (!str_split(&rest, '\n', &head) || !str_split(&head, ' ', &process_text) ||
	    !str_to_i64(process_text, 0, INT64_MAX, &process) || !str_to_i64(head, 0, INT64_MAX, &pos))
		return;
	if (pos > store->listener.heard_pos)
		store->listener.heard_pos = pos;
	if (process == store_process(store) && process != 0)
		return; /* our own */
	position_raise(store, pos);
	while (rest.p && str_split(&rest, '\n', &line))
		line_hear(&store->listener, line);
}

enum rc store_has_position(struct store *store, int64_t pos, bool *ret_has)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	int64_t now;
	*ret_has = pos <= store_committed_pos(store);
	if (*ret_has || !store->engine->is_shared)
		return RC_OK;
	TRY(txn_ro_begin(store, &txn));
	TRY(txn_committed_pos(txn, &now));
	position_raise(store, now);
	*ret_has = pos <= now;
	return RC_OK;
}

static void everything_hear(struct store *store)
{
	struct news news = {.kind = NEWS_EVERYTHING};
	store->listener.fn(store->listener.self, &news);
}

static enum rc position_read(struct store *store, int64_t *ret_pos)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(store, &txn));
	return txn_committed_pos(txn, ret_pos);
}

/*
 * Each commit that takes a position tells it. One that was seen a while ago and has not been heard of will not be: the
 * connection is dead.
 */
static enum rc position_look(struct store *store)
{
	struct listener *listener = &store->listener;
	int64_t now_ms = clock_mono_ms(&clock_system), pos;
	if (now_ms < listener->next_look_ms)
		return RC_OK;
	listener->next_look_ms = now_ms + LOOK_MS;
	if (listener->heard_pos < listener->awaited_pos)
		return RC_UNAVAILABLE;
	if (position_read(store, &pos) == RC_OK)
		listener->awaited_pos = pos;
	return RC_OK;
}

void news_lost(struct store *store)
{
	__atomic_store_n(&store->listener.looks_anew, true, __ATOMIC_RELEASE);
}

static bool is_stopping(const struct listener *listener)
{
	return __atomic_load_n(&listener->stopping, __ATOMIC_ACQUIRE);
}

static enum rc listen_once(struct store *store)
{
	struct listener *listener = &store->listener;
	char name[32];
	int64_t pos;
	(void)channel_of(store, name);
	TRY(store->engine->open(&listener->conn, store, CONN_LISTENER, NULL));
	TRY(postgres_listen(&listener->conn, name));
	TRY(position_read(store, &pos));
	listener->heard_pos = listener->awaited_pos = pos;
	listener->next_look_ms = clock_mono_ms(&clock_system) + LOOK_MS;
	position_raise(store, pos);
	everything_hear(store); /* whatever came before this connection */
	while (!is_stopping(listener)) {
		TRY(postgres_wait(&listener->conn, listener->wake[0], LOOK_MS, notification_hear, store));
		if (__atomic_exchange_n(&listener->looks_anew, false, __ATOMIC_ACQ_REL))
			everything_hear(store);
		TRY(position_look(store));
	}
	return RC_OK;
}

static void *listener_run(void *arg)
{
	struct store *store = arg;
	struct listener *listener = &store->listener;
	struct pollfd wake = {.fd = listener->wake[0], .events = POLLIN};
	while (!is_stopping(listener)) {
		enum rc rc = listen_once(store);
		if (rc != RC_OK && !is_stopping(listener)) {
			LOG(LOG_WARNING, "store", "news of other processes are not heard now, trying again",
			    LOG_STR("reason", str_of(rc_name(rc))));
			(void)poll(&wake, 1, LISTEN_RETRY_MS);
		}
		conn_close(&listener->conn);
	}
	return NULL;
}

enum rc store_listen(struct store *store, news_fn *fn, void *self)
{
	struct listener *listener = &store->listener;
	if (!store->engine->is_shared)
		return RC_OK;
	listener->fn = fn;
	listener->self = self;
	if (pipe(listener->wake) != 0)
		return RC_IO;
	enum rc rc = thread_start(&listener->thread, "store-news", listener_run, store);
	if (rc != RC_OK) {
		close(listener->wake[0]);
		close(listener->wake[1]);
		return rc;
	}
	listener->started = true;
	return RC_OK;
}

void store_unlisten(struct store *store)
{
	struct listener *listener = &store->listener;
	if (!listener->started)
		return;
	__atomic_store_n(&listener->stopping, true, __ATOMIC_RELEASE);
	ssize_t wrote = write(listener->wake[1], "x", 1);
	(void)wrote; /* the thread looks by itself every second */
	thread_join(listener->thread);
	close(listener->wake[0]);
	close(listener->wake[1]);
	listener->started = false;
}
