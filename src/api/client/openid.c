/* Client-Server API, "OpenID". */
#include "api/endpoints.h"

#include "core/account/short_tokens.h"

enum { OPENID_ANSWER_MAX_BYTES = 1024 };

enum rc client_openid_token(struct api_request *rq)
{
	struct buf body;
	str token;
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(accounts_openid_token(
	    rq->ctx->accounts, rq->arena, &rq->session, &token, &rq->fail));
	buf_init(&body, rq->arena, OPENID_ANSWER_MAX_BYTES);
	buf_put(&body, STR("{\"access_token\":"));
	json_put_text(&body, token);
	buf_put(&body, STR(",\"token_type\":\"Bearer\",\"matrix_server_name\":"));
	json_put_text(&body, rq->ctx->server_name);
	buf_printf(&body, ",\"expires_in\":%d}", OPENID_TOKEN_LIFE_MS / 1000);
	return api_answer_buf(rq, &body);
}
