/* Places of a state in an AVL tree: no hash whose collisions a peer could choose, no seed to be drawn. */
#include "graph/resolve_int.h"

#include "base/assert.h"

enum { HEIGHT_MAX = 64 }; /* of more places than memory can hold */

static int place_cmp(str type, str state_key, const struct place *place)
{
	int order = str_cmp(type, place->type);
	return order ? order : str_cmp(state_key, place->state_key);
}

static int height_of(const struct place *place)
{
	return place ? place->height : 0;
}

static void height_set(struct place *place)
{
	int left = height_of(place->child[0]), right = height_of(place->child[1]);
	place->height = (left > right ? left : right) + 1;
}

/* Makes the child on `side` the root of this part of the tree. */
static struct place *rotated(struct place *place, int side)
{
	struct place *up = place->child[side];
	place->child[side] = up->child[!side];
	up->child[!side] = place;
	height_set(place);
	height_set(up);
	return up;
}

static struct place *balanced(struct place *place)
{
	int lean = height_of(place->child[1]) - height_of(place->child[0]);
	int side = lean > 0;
	height_set(place);
	if (lean >= -1 && lean <= 1)
		return place;
	struct place *heavy = place->child[side];
	if (height_of(heavy->child[!side]) > height_of(heavy->child[side]))
		place->child[side] = rotated(heavy, !side);
	return rotated(place, side);
}

struct place *places_at(struct places *places, str type, str state_key)
{
	struct place **path[HEIGHT_MAX], **link = &places->root;
	size_t depth = 0;
	while (*link) {
		int order = place_cmp(type, state_key, *link);
		if (order == 0)
			return *link;
		ASSERT(depth < HEIGHT_MAX);
		path[depth++] = link;
		link = &(*link)->child[order > 0];
	}
	struct place *place = arena_new(places->arena, struct place);
	if (!place)
		return NULL;
	*place = (struct place){.type = type, .state_key = state_key, .height = 1};
	*link = place;
	places->count++;
	while (depth-- > 0)
		*path[depth] = balanced(*path[depth]);
	return place;
}

enum rc places_list(const struct places *places, struct place ***ret_places)
{
	struct place *open[HEIGHT_MAX], *next = places->root;
	struct place **list = arena_array(places->arena, struct place *, places->count + 1);
	size_t depth = 0, count = 0;
	TRY(arena_status(places->arena));
	while (next || depth > 0) {
		for (; next; next = next->child[0])
			open[depth++] = next;
		next = open[--depth];
		list[count++] = next;
		next = next->child[1];
	}
	*ret_places = list;
	return RC_OK;
}
