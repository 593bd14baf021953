#include "api/router.h"

#include "base/assert.h"
#include "base/heap.h"
#include "codec/uri.h"

#include <stdio.h>
#include <string.h>

/* May be empty, or missing with its slash: Client-Server API, "state/{eventType}/{stateKey}". */
#define MAY_BE_EMPTY STR("{stateKey}")

struct node {
	struct node *child;   /* first literal child */
	struct node *sibling; /* next literal child of the same parent */
	struct node *
	    parameter; /* child that takes any non-empty segment, or an empty one if `may_be_empty` */
	str segment;
	bool may_be_empty;
	const struct endpoint *rows[HTTP_OTHER];
};

struct router {
	struct node root;
};

static void node_free(struct node *node)
{
	for (struct node *child = node->child, *next; child; child = next) {
		next = child->sibling;
		node_free(child);
		heap_free(child);
	}
	if (node->parameter)
		node_free(node->parameter);
	heap_free(node->parameter);
}

void router_free(struct router *router)
{
	if (!router)
		return;
	node_free(&router->root);
	heap_free(router);
}

static struct node *node_literal(const struct node *node, str segment)
{
	struct node *child = node->child;
	while (child && !str_eq(child->segment, segment))
		child = child->sibling;
	return child;
}

static struct node *node_parameter_make(struct node *node, str segment)
{
	if (!node->parameter)
		node->parameter = heap_new(struct node);
	if (node->parameter && str_eq(segment, MAY_BE_EMPTY))
		node->parameter->may_be_empty = true;
	return node->parameter;
}

/* The child for a segment of a row's path, made when it is not there. NULL: no memory. */
static struct node *node_make(struct node *node, str segment)
{
	if (str_starts(segment, STR("{")))
		return node_parameter_make(node, segment);
	struct node *child = node_literal(node, segment);
	if (child)
		return child;
	child = heap_zero(1, sizeof(*child));
	if (child) {
		child->segment = segment;
		child->sibling = node->child;
		node->child = child;
	}
	return child;
}

static enum rc router_add(struct router *router, const struct endpoint *row)
{
	ASSERT(row->path[0] == '/' && row->method < HTTP_OTHER);
	struct node *node = &router->root, *parent = node;
	str rest = str_from(str_of(row->path), 1), segment = STR_EMPTY;
	size_t parameters = 0, segments = 0;
	while (str_split(&rest, '/', &segment)) {
		parent = node;
		node = node_make(node, segment);
		if (!node)
			return RC_NOMEM;
		parameters += str_starts(segment, STR("{"));
		segments++;
	}
	ASSERT(parameters <= PATH_PARAMS_MAX && segments <= PATH_SEGMENTS_MAX);
	ASSERT(!node->rows[row->method]); /* two rows for one route */
	node->rows[row->method] = row;
	if (str_eq(segment, MAY_BE_EMPTY) && !parent->rows[row->method])
		parent->rows[row->method] = row;
	return RC_OK;
}

enum rc router_new(const struct endpoint *rows, size_t count, struct router **ret_router)
{
	struct router *router = heap_zero(1, sizeof(*router));
	if (!router)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		if (router_add(router, &rows[i]) != RC_OK) {
			router_free(router);
			return RC_NOMEM;
		}
	}
	*ret_router = router;
	return RC_OK;
}

struct walk {
	const str *segments;
	size_t count;
	enum http_method method;
	const struct endpoint *found;
	unsigned methods; /* bits of the methods that some row has at this path */
	str params[PATH_PARAMS_MAX];
	size_t param_count;
};

static void walk_end(struct walk *walk, const struct node *node)
{
	for (int method = 0; method < HTTP_OTHER; method++) {
		if (node->rows[method])
			walk->methods |= 1U << method;
	}
	if (walk->method < HTTP_OTHER)
		walk->found = node->rows[walk->method];
}

/* Literals first, then the parameter; depth is bounded by PATH_SEGMENTS_MAX. */
static void walk_from(struct walk *walk, const struct node *node, size_t at)
{
	if (at == walk->count) {
		walk_end(walk, node);
		return;
	}
	str segment = walk->segments[at];
	const struct node *child = node_literal(node, segment);
	if (child)
		walk_from(walk, child, at + 1);
	child = node->parameter;
	if (walk->found || !child || walk->param_count == PATH_PARAMS_MAX)
		return;
	if (segment.n == 0 && !child->may_be_empty)
		return;
	walk->params[walk->param_count++] = segment;
	walk_from(walk, child, at + 1);
	if (!walk->found)
		walk->param_count--;
}

static void allow_put(char allow[ALLOW_MAX_BYTES], unsigned methods)
{
	static const struct {
		enum http_method method;
		const char *text;
	} names[] = {
	    {HTTP_GET, "GET, HEAD"},
	    {HTTP_POST, "POST"},
	    {HTTP_PUT, "PUT"},
	    {HTTP_DELETE, "DELETE"},
	    {HTTP_PATCH, "PATCH"},
	};
	size_t n = 0;
	allow[0] = '\0';
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (methods & (1U << names[i].method))
			n += (size_t)snprintf(
			    allow + n, ALLOW_MAX_BYTES - n, "%s%s", n ? ", " : "", names[i].text);
	}
}

static enum rc params_decode(struct arena *arena, const struct walk *walk, struct route *route)
{
	for (size_t i = 0; i < walk->param_count; i++)
		TRY(uri_decode(arena, walk->params[i], &route->params[i]));
	route->param_count = walk->param_count;
	/* The last parameter was left out with its slash. */
	size_t named = 0;
	for (const char *p = walk->found->path; *p; p++)
		named += *p == '{';
	while (route->param_count < named)
		route->params[route->param_count++] = STR_EMPTY;
	return RC_OK;
}

static bool path_split(str path, str segments[PATH_SEGMENTS_MAX], size_t *ret_count)
{
	if (!str_starts(path, STR("/")))
		return false;
	str rest = str_from(path, 1), segment;
	size_t count = 0;
	if (rest.n == 0) {
		*ret_count = 0;
		return true;
	}
	while (str_split(&rest, '/', &segment)) {
		if (count == PATH_SEGMENTS_MAX)
			return false;
		segments[count++] = segment;
	}
	if (count > 2 && str_eq(segments[2], STR("r0")))
		segments[2] = STR("v3");
	*ret_count = count;
	return true;
}

enum rc router_find(const struct router *router, struct arena *arena, enum http_method method,
    str path, struct route *ret_route)
{
	str segments[PATH_SEGMENTS_MAX];
	struct walk walk = {
	    .segments = segments, .method = method == HTTP_HEAD ? HTTP_GET : method};
	if (!path_split(path, segments, &walk.count))
		return RC_UNRECOGNIZED;
	walk_from(&walk, &router->root, 0);
	if (!walk.found && walk.methods == 0)
		return RC_UNRECOGNIZED;
	*ret_route = (struct route){.endpoint = walk.found};
	if (!walk.found) {
		allow_put(ret_route->allow, walk.methods);
		return RC_METHOD_NOT_ALLOWED;
	}
	return params_decode(arena, &walk, ret_route);
}
