/* The HTTP side of user-interactive authentication. Private to src/api/client. */
#ifndef EXEUNT_API_CLIENT_UIA_H
#define EXEUNT_API_CLIENT_UIA_H

#include "api/request.h"

/*
 * RC_OK: `*ret_may_go_on` says whether the request is authenticated; if not, it has been answered with 401 and the
 * flows, and the handler returns RC_OK.
 */
MUST_CHECK enum rc client_uia(struct api_request *rq, struct uia_request *uia, bool *ret_may_go_on);

#endif
