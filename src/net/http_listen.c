#include "net/http_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024 };

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;
	socklen_t bytes;
};

/* Numeric only: a name would have to be looked up, and might be somebody else. */
static bool address_parse(str host, uint16_t port, struct address *ret_address)
{
	char text[INET6_ADDRSTRLEN];
	if (host.n >= sizeof text || host.n == 0)
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	struct address a = {0};
	if (inet_pton(AF_INET, text, &a.u.v4.sin_addr) == 1) {
		a.u.v4.sin_family = AF_INET;
		a.u.v4.sin_port = htons(port);
		a.bytes = sizeof a.u.v4;
	} else if (inet_pton(AF_INET6, text, &a.u.v6.sin6_addr) == 1) {
		a.u.v6.sin6_family = AF_INET6;
		a.u.v6.sin6_port = htons(port);
		a.bytes = sizeof a.u.v6;
	} else {
		return false;
	}
	*ret_address = a;
	return true;
}

static enum rc rc_of_errno(int error)
{
	switch (error) {
	case EADDRINUSE:
		return RC_EXISTS;
	case EACCES:
	case EPERM:
		return RC_FORBIDDEN;
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return RC_INVALID_PARAM;
	case ENOMEM:
	case ENOBUFS:
	case EMFILE:
	case ENFILE:
		return RC_NOMEM;
	default:
		return RC_IO;
	}
}

static enum rc bind_and_listen(int fd, const struct address *address)
{
	const int on = 1, off = 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->u.any.sa_family == AF_INET6) /* "::" takes IPv4 as well */
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, &address->u.any, address->bytes) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
		return rc_of_errno(errno);
	return RC_OK;
}

static uint16_t bound_port(int fd)
{
	struct address a = {.bytes = sizeof a.u};
	if (getsockname(fd, &a.u.any, &a.bytes) != 0)
		return 0;
	return ntohs(a.u.any.sa_family == AF_INET6 ? a.u.v6.sin6_port : a.u.v4.sin_port);
}

enum rc http_listen(str host, uint16_t port, int *ret_fd, uint16_t *ret_port, struct fail *fail)
{
	struct address address;
	if (!address_parse(host, port, &address))
		return fail_set(fail, RC_INVALID_PARAM, "\"%.*s\" is no numeric IPv4 or IPv6 address",
		                STR_ARG(host));
	int fd = socket(address.u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail_set(fail, rc_of_errno(errno), "no socket: %s", strerror(errno));
	enum rc rc = bind_and_listen(fd, &address);
	if (rc != RC_OK) {
		fail_set(fail, rc, "cannot listen on %.*s port %u: %s", STR_ARG(host),
		         (unsigned)port, strerror(errno));
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	*ret_port = bound_port(fd);
	return RC_OK;
}

void http_address_text(const struct sockaddr *address, char *ret_text, size_t size)
{
	static const unsigned char v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
	ret_text[0] = '\0';
	if (address && address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof v4);
		(void)inet_ntop(AF_INET, &v4.sin_addr, ret_text, (socklen_t)size);
	} else if (address && address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof v6);
		const unsigned char *bytes = v6.sin6_addr.s6_addr;
		if (memcmp(bytes, v4_mapped, sizeof v4_mapped) == 0)
			(void)inet_ntop(AF_INET, bytes + 12, ret_text, (socklen_t)size);
		else
			(void)inet_ntop(AF_INET6, bytes, ret_text, (socklen_t)size);
	}
}
