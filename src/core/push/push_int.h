/* Private to core/push. */
#ifndef EXEUNT_CORE_PUSH_PUSH_INT_H
#define EXEUNT_CORE_PUSH_PUSH_INT_H

#include "core/push/push.h"

struct push {
	struct push_config config;
};

#endif
