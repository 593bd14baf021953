/*
 * Where the link of another process is. A numeric address is known at once; a name is looked up on a thread of its own,
 * since that may take long, and meanwhile all other connections have to be served.
 */
#include "net/link_int.h"

#include "base/heap.h"

#include <netdb.h>
#include <string.h>

static bool text_keep(str text, char *to, size_t size)
{
	if (text.n == 0 || text.n >= size || memchr(text.p, '\0', text.n))
		return false;
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	return true;
}

static enum rc address_split(str address, struct lookup *ret_lookup)
{
	size_t colon = str_find_last(address, ':');
	str host = str_first(address, colon), port = str_from(address, colon + 1);
	int64_t number;
	if (str_starts(host, STR("[")) && str_ends(host, STR("]")) && host.n > 2)
		host = str_first(str_from(host, 1), host.n - 2);
	if (!text_keep(host, ret_lookup->host, sizeof ret_lookup->host) ||
	    !text_keep(port, ret_lookup->port, sizeof ret_lookup->port) ||
	    !str_to_i64(port, 1, UINT16_MAX, &number))
		return RC_INVALID_PARAM;
	return RC_OK;
}

static void look_up(const struct lookup *lookup, int flags, struct targets *ret_targets)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *found = NULL;
	*ret_targets = (struct targets){.count = 0};
	if (getaddrinfo(lookup->host, lookup->port, &hints, &found) != 0)
		return;
	for (const struct addrinfo *a = found; a && ret_targets->count < TARGETS_MAX;
	     a = a->ai_next) {
		size_t i = ret_targets->count++;
		memcpy(&ret_targets->of[i], a->ai_addr, a->ai_addrlen);
		ret_targets->bytes[i] = a->ai_addrlen;
	}
	freeaddrinfo(found);
}

enum rc targets_numeric(str address, struct targets *ret_targets)
{
	struct lookup lookup;
	TRY(address_split(address, &lookup));
	look_up(&lookup, AI_NUMERICHOST | AI_NUMERICSERV, ret_targets);
	return ret_targets->count > 0 ? RC_OK : RC_NOT_FOUND;
}

static void *lookup_run(void *arg)
{
	struct lookup *lookup = arg;
	struct link *link = lookup->link;
	look_up(lookup, AI_NUMERICSERV, &lookup->targets);
	__atomic_store_n(&lookup->is_over, true, __ATOMIC_RELEASE);
	link_wake(link);
	return NULL;
}

enum rc lookup_start(struct link *link, str address, struct lookup **ret_lookup)
{
	struct lookup *lookup = heap_new(struct lookup);
	if (!lookup)
		return RC_NOMEM;
	lookup->link = link;
	enum rc rc = address_split(address, lookup);
	if (rc == RC_OK)
		rc = thread_start(&lookup->thread, "link-lookup", lookup_run, lookup);
	if (rc == RC_OK)
		*ret_lookup = lookup;
	else
		heap_free(lookup);
	return rc;
}

bool lookup_is_over(const struct lookup *lookup)
{
	return __atomic_load_n(&lookup->is_over, __ATOMIC_ACQUIRE);
}

void lookup_free(struct lookup *lookup)
{
	if (!lookup)
		return;
	thread_join(lookup->thread);
	heap_free(lookup);
}
