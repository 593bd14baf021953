/* Case folding, from the tables of utf8proc. */
#include "codec/utf8.h"

#include <utf8proc.h>

enum {
	CAPITAL_I_WITH_DOT =
	    0x130, /* these two fold to nothing else, whatever their other case is */
	SMALL_I_WITHOUT_DOT = 0x131,
};

uint32_t utf8_fold(uint32_t code_point)
{
	if (code_point < 0x80)
		return code_point >= 'A' && code_point <= 'Z' ? code_point + ('a' - 'A')
							      : code_point;
	if (code_point == CAPITAL_I_WITH_DOT || code_point == SMALL_I_WITHOUT_DOT)
		return code_point;
	/* By way of the capital, of which there is one where there are several small ones, as of sigma. */
	return (uint32_t)utf8proc_tolower(utf8proc_toupper((utf8proc_int32_t)code_point));
}
