#include "net/http_client_int.h"

#include "base/heap.h"

#include <string.h>

/* ---- what may be sent ---- */

static bool is_plain(str text, size_t max_bytes)
{
	if (text.n > max_bytes)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
			return false;
	return true;
}

static bool is_token(const char *text)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";
	for (const char *c = text; *c; c++) {
		bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
		if (!is_letter && (*c < '0' || *c > '9') && !strchr(marks, *c))
			return false;
	}
	return *text != '\0';
}

/* Those that say where a message ends, and how: libcurl's alone. */
static bool is_framing(str name)
{
	static const str names[] = {STR_INIT("Content-Length"), STR_INIT("Transfer-Encoding"), STR_INIT("Connection"),
	    STR_INIT("Expect"), STR_INIT("Upgrade"), STR_INIT("TE"), STR_INIT("Trailer")};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq_ascii_nocase(name, names[i]))
			return true;
	return false;
}

/* libcurl guesses at a URL without a scheme, drops a fragment, and takes blanks for something else. */
static bool is_url(str url)
{
	bool has_scheme = str_eq_ascii_nocase(str_first(url, 7), STR("http://")) ||
	                  str_eq_ascii_nocase(str_first(url, 8), STR("https://"));
	return has_scheme && is_plain(url, CALL_URL_MAX_BYTES) && str_find(url, ' ') == url.n &&
	       str_find(url, '#') == url.n;
}

static bool is_head(const struct http_call *call)
{
	return strcmp(call->method, "HEAD") == 0;
}

static bool is_valid(const struct http_call *call)
{
	if (!call->method || !is_token(call->method) || !is_url(call->url) || (is_head(call) && call->body.n) ||
	    call->header_count > CALL_HEADERS_MAX)
		return false;
	for (size_t i = 0; i < call->header_count; i++) {
		const struct call_header *header = &call->headers[i];
		if (!header->name || !is_token(header->name) || is_framing(str_of(header->name)) ||
		    !is_plain(header->value, CALL_HEADER_MAX_BYTES))
			return false;
	}
	return true;
}

/* ---- the answer ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *self)
{
	struct call_state *state = self;
	size_t n = size * count;
	curl_off_t promised = -1;
	/* One piece of the right size, where the peer tells it: growing would cost the budget twice. */
	if (!state->body.p && curl_easy_getinfo(state->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &promised) == CURLE_OK &&
	    promised > 0 && (uint64_t)promised <= state->body.max_bytes)
		(void)buf_reserve(&state->body, (size_t)promised);
	buf_put(&state->body, (str){bytes, n});
	state->rc = buf_status(&state->body);
	return state->rc == RC_OK ? n : 0;
}

/* Only the head of the final answer is kept: each status line begins anew, and trailers are no headers. */
static void head_add(struct call_state *state, str line)
{
	if (str_starts(line, STR("HTTP/"))) {
		state->head.n = 0;
		state->head_complete = false;
	} else if (line.n == 0 || line.p[0] == '\r' || line.p[0] == '\n') {
		state->head_complete = true;
	} else if (!state->head_complete) {
		buf_put(&state->head, line);
	}
}

static size_t on_header(char *bytes, size_t size, size_t count, void *self)
{
	struct call_state *state = self;
	size_t n = size * count;
	if (n > CALL_ANSWER_HEAD_MAX_BYTES - state->head_seen_bytes) {
		state->rc = RC_TOO_LARGE;
		return 0;
	}
	state->head_seen_bytes += n;
	head_add(state, (str){bytes, n});
	state->rc = buf_status(&state->head);
	return state->rc == RC_OK ? n : 0;
}

static bool is_clean_value(str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 127)
			return false;
	return true;
}

str http_call_header(const struct http_call *call, str name)
{
	str rest = call->answer_head, line;
	while (str_split(&rest, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		size_t colon = str_find(line, ':');
		if (colon == line.n || !str_eq_ascii_nocase(str_first(line, colon), name))
			continue;
		str value = str_trim(str_from(line, colon + 1));
		return is_clean_value(value) ? value : STR_EMPTY;
	}
	return STR_EMPTY;
}

/* ---- one call ---- */

/* The moment a connection stands, before the first byte of the request; again when libcurl repeats it. */
static int on_connected(void *self, char *peer, char *own, int peer_port, int own_port)
{
	struct call_state *state = self;
	(void)peer, (void)own, (void)peer_port, (void)own_port;
	state->maybe_sent = true;
	return CURL_PREREQFUNC_OK;
}

/* libcurl reads the list and never frees it, so that it may stand in the arena. */
static enum rc headers_make(struct http_call *call, struct curl_slist **ret_list)
{
	struct curl_slist *nodes = arena_array(call->arena, struct curl_slist, call->header_count + 3);
	size_t n = 0;
	bool has_type = false;
	TRY(arena_status(call->arena));
	/* A name without a value takes libcurl's own header away: the first would cost a round trip. */
	nodes[n++].data = UNCONST(char *, "Expect:");
	nodes[n++].data = UNCONST(char *, "Accept:");
	for (size_t i = 0; i < call->header_count; i++) {
		const struct call_header *header = &call->headers[i];
		str name = str_of(header->name);
		has_type = has_type || str_eq_ascii_nocase(name, STR("Content-Type"));
		str line = arena_printf(call->arena, "%s: %.*s", header->name, STR_ARG(header->value));
		nodes[n++].data = UNCONST(char *, line.p);
	}
	if (!has_type)
		nodes[n++].data = UNCONST(char *, "Content-Type:");
	for (size_t i = 0; i + 1 < n; i++)
		nodes[i].next = &nodes[i + 1];
	*ret_list = nodes;
	return arena_status(call->arena);
}

#define SET(easy, option, value) (curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static bool method_set(CURL *easy, const struct http_call *call)
{
	/* First back to a plain GET, from whatever the handle did before. */
	bool good = SET(easy, CURLOPT_HTTPGET, 1L) && SET(easy, CURLOPT_CUSTOMREQUEST, call->method);
	if (is_head(call))
		return good && SET(easy, CURLOPT_NOBODY, 1L);
	if (!call->body.n && strcmp(call->method, "GET") == 0)
		return good;
	return good && SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n) &&
	       SET(easy, CURLOPT_POSTFIELDS, call->body.n ? call->body.p : "");
}

static enum rc options_set(struct call_state *state)
{
	struct http_call *call = state->call;
	CURL *easy = state->easy;
	struct curl_slist *headers = NULL;
	TRY(headers_make(call, &headers));
	char *url = arena_cstr(call->arena, call->url);
	TRY(arena_status(call->arena));
	/* 0 would be no limit; a HEAD tells a length that never comes. */
	curl_off_t most = is_head(call) ? 0 : (curl_off_t)call->answer_max_bytes;
	bool good = method_set(easy, call) && SET(easy, CURLOPT_URL, url) && SET(easy, CURLOPT_HTTPHEADER, headers) &&
	            SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_ms) &&
	            SET(easy, CURLOPT_TIMEOUT_MS, (long)call->total_ms) &&
	            SET(easy, CURLOPT_MAXFILESIZE_LARGE, most);
	return good ? RC_OK : RC_NOMEM;
}

enum rc call_state_begin(struct call_state *state, struct http_call *call)
{
	if (!is_valid(call))
		return RC_INVALID_PARAM;
	state->call = call;
	state->head_seen_bytes = 0;
	state->head_complete = state->maybe_sent = false;
	state->rc = RC_OK;
	buf_init(&state->head, call->arena, CALL_ANSWER_HEAD_MAX_BYTES);
	buf_init(&state->body, call->arena, call->answer_max_bytes);
	return options_set(state);
}

enum rc call_state_outcome(const struct call_state *state, CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		/* To libcurl a connection that ends within the head is a good end. */
		return state->head_complete ? RC_OK : RC_UNAVAILABLE;
	case CURLE_WRITE_ERROR:
		return state->rc != RC_OK ? state->rc : RC_UNAVAILABLE;
	case CURLE_FILESIZE_EXCEEDED:
		return RC_TOO_LARGE;
	case CURLE_OPERATION_TIMEDOUT:
		return RC_TIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return RC_NOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_LOGIN_DENIED: /* a user name in the URL */
		return RC_INVALID_PARAM;
	default:
		return RC_UNAVAILABLE;
	}
}

void call_clear_results(struct http_call *call)
{
	call->status = 0;
	call->answer = call->retry_after = call->answer_head = STR_EMPTY;
	call->maybe_sent = false;
}

enum rc call_state_end(struct call_state *state, enum rc rc)
{
	struct http_call *call = state->call;
	long status = 0;
	call_clear_results(call);
	call->maybe_sent = rc != RC_OK && state->maybe_sent;
	if (rc == RC_OK) {
		curl_easy_getinfo(state->easy, CURLINFO_RESPONSE_CODE, &status);
		call->status = (int)status;
		call->answer = buf_str(&state->body);
		call->answer_head = buf_str(&state->head);
		call->retry_after = http_call_header(call, STR("Retry-After"));
	}
	/* These pointed into the call's memory. */
	curl_easy_setopt(state->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(state->easy, CURLOPT_POSTFIELDS, NULL);
	state->call = NULL;
	return rc;
}

struct call_state *call_state_new(long idle_s)
{
	struct call_state *state = heap_new(struct call_state);
	CURL *easy = state ? curl_easy_init() : NULL;
	bool good = easy && SET(easy, CURLOPT_PRIVATE, state) && SET(easy, CURLOPT_WRITEFUNCTION, on_body) &&
	            SET(easy, CURLOPT_WRITEDATA, state) && SET(easy, CURLOPT_HEADERFUNCTION, on_header) &&
	            SET(easy, CURLOPT_HEADERDATA, state) && SET(easy, CURLOPT_PREREQFUNCTION, on_connected) &&
	            SET(easy, CURLOPT_PREREQDATA, state) && SET(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	            SET(easy, CURLOPT_PROXY, "") && SET(easy, CURLOPT_NOSIGNAL, 1L) &&
	            SET(easy, CURLOPT_TCP_NODELAY, 1L) && SET(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
	            SET(easy, CURLOPT_PATH_AS_IS, 1L) && SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
	            SET(easy, CURLOPT_MAXAGE_CONN, idle_s);
	if (good)
		state->easy = easy;
	else if (easy)
		curl_easy_cleanup(easy);
	if (good)
		return state;
	heap_free(state);
	return NULL;
}

void call_state_free(struct call_state *state)
{
	curl_easy_cleanup(state->easy);
	heap_free(state);
}
