"""What LiteLLM can be told and has no setting here: where one would look for it, and what to do."""

from collections.abc import Mapping
from typing import Final

from gateway.commands.moving.sheet import ANYWHERE, Reasons
from gateway.config.lines import Key

GUARDS: Final = (
    "checks of what is asked and answered are not taken over: write each as a table [guards.NAME],"
    " of one of the kinds that docs/guards.md tells, and name it where it is to hold."
)
UNKNOWN: Final = "has no equivalent here, or is not known to this import."

_DEFAULTS: Final[Key] = ("defaults",)
_SERVER: Final[Key] = ("server",)
_ADMIN: Final[Key] = ("admin",)
_AUTH: Final[Key] = ("auth",)
_STORE: Final[Key] = ("store",)
_TELEMETRY: Final[Key] = ("telemetry",)
_FALLBACKS: Final[Key] = ("fallbacks",)

_ASKED: Final = "clients say this in their requests; the gateway adds nothing to what they say."
_LISTED: Final = "a fact about the model that nothing here asks for."
_BUDGET: Final = (
    "money is for teams and keys here: write `budgets` in [teams.NAME], or give a key --budget."
)
_KEYS: Final = "keys are made by `gateway keys create`, which says their rights."
_DATABASE: Final = "the ledger is kept by the gateway itself; there is nothing to set."
_LOGS: Final = "no prompt and no answer is ever logged or kept in the ledger."
_PAGE: Final = "the operator's page signs in by a key, or by OIDC: [admin.sign_in]."
_TOKENS: Final = (
    "tokens are taken of issuers that are written in [[auth.issuers]], each with its audience and"
    " its claims for team, user and models; other claims are not read."
)
_CODE: Final = "code of your own is not loaded into the gateway."
_ALERTS: Final = (
    "alerts are Prometheus's: deploy/prometheus has rules; budgets tell the log by `alert`."
)
_HEALTH: Final = "a provider is asked whether it is there by `probe = { interval = … }`."
_RATE: Final = (
    "it weighed deployments. Here homes are chosen by how busy they are; a limit for all callers of"
    " a name is `limits` in [models.NAME]."
)
_RETRY: Final = "what is worth a retry is decided by the kind of failure; `retries` says how often."
_MCP: Final = "tools of MCP servers are not served here."
_PASSED: Final = (
    "a provider's own API is open at /passthrough/NAME/… to keys that have it in `passthrough`."
)
_SHOWN: Final = (
    "keys come in Authorization, x-api-key, api-key or x-gateway-key. A caller's own key passes"
    ' through where api_key = "client".'
)
_CREDENTIAL: Final = "this way of signing in to the cloud is not built: see docs/credentials.md."

WITHOUT: Final[Reasons] = {
    # Of one deployment. None: in the table of its provider.
    **dict.fromkeys(
        (
            *("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "n"),
            *("presence_penalty", "frequency_penalty", "reasoning_effort", "thinking", "stream"),
            *("extra_body", "response_format", "tools", "tool_choice", "user", "logit_bias"),
        ),
        (None, _ASKED),
    ),
    **dict.fromkeys(
        (
            *("mode", "id", "base_model", "max_input_tokens", "max_output_tokens", "description"),
            *("supports_vision", "supports_function_calling", "supports_tool_choice", "metadata"),
            *("supports_response_schema", "supports_prompt_caching", "supports_reasoning"),
            *("supports_audio_input", "supports_pdf_input", "access_groups", "litellm_provider"),
        ),
        (None, _LISTED),
    ),
    "model_info": (None, _LISTED),
    **dict.fromkeys(("rpm", "tpm", "weight"), (None, _RATE)),
    "tags": (None, "calls are not routed by tags; give each its own name in [models]."),
    "region_name": (None, "where a model is asked is said by its provider's table."),
    "mock_response": (None, 'the built-in kind = "echo" answers without a provider.'),
    "mock_timeout": (None, "failures are not made on purpose."),
    "input_cost_per_second": (None, "prices are for tokens and for calls; see `prices`."),
    "output_cost_per_second": (None, "prices are for tokens and for calls; see `prices`."),
    "additional_drop_params": (None, 'on_unsupported = "drop" drops what the provider lacks.'),
    "cache_control_injection_points": (None, "clients mark what a provider is to keep."),
    "vertex_credentials": (None, "write the account's JSON to a file: credentials_file."),
    "health_check_timeout": (None, _HEALTH),
    "health_check_model": (None, _HEALTH),
    **dict.fromkeys(
        (
            *("aws_role_name", "aws_session_name", "aws_web_identity_token", "azure_ad_token"),
            *("aws_sts_endpoint", "aws_external_id", "azure_username", "azure_password"),
        ),
        (None, _CREDENTIAL),
    ),
    # Of routing and of all calls.
    "content_policy_fallbacks": (
        _FALLBACKS,
        "no other model is asked because a provider's filter refused a call: clients are told.",
    ),
    **dict.fromkeys(
        ("retry_policy", "model_group_retry_policy", "retry_after", "max_fallbacks"),
        (_DEFAULTS, _RETRY),
    ),
    "allowed_fails_policy": (
        _DEFAULTS,
        "faults of the client never rest a home; all others count alike, in `cooldown`.",
    ),
    **dict.fromkeys(
        ("enable_pre_call_checks", "enable_pre_call_check", "optional_pre_call_checks"),
        (("context_fallbacks",), "a prompt that is too long goes on as [context_fallbacks] says."),
    ),
    **dict.fromkeys(
        ("enable_tag_filtering", "tag_filtering_match_any"),
        (_DEFAULTS, "calls are not routed by tags; give each its own name in [models]."),
    ),
    "default_litellm_params": (_DEFAULTS, _ASKED),
    "routing_strategy_args": (_DEFAULTS, "`fastest` learns by itself; it has no arguments."),
    "default_max_parallel_requests": (
        _DEFAULTS,
        "write `max_connections` of a provider, or `limits.concurrency` of a model.",
    ),
    "cache_kwargs": (_STORE, "the address in `shared` says all of it."),
    "modify_params": (_DEFAULTS, "a provider's rules for messages are followed in any case."),
    **dict.fromkeys(("max_budget", "budget_duration", "max_user_budget"), (("teams",), _BUDGET)),
    **dict.fromkeys(
        (
            *("default_internal_user_params", "default_team_params", "default_team_settings"),
            *("upperbound_key_generate_params", "default_key_generate_params"),
            *("key_generation_settings", "custom_key_generate", "service_account_settings"),
        ),
        (("teams",), _KEYS),
    ),
    # Of the server, its database and its page.
    **dict.fromkeys(
        (
            *("proxy_batch_write_at", "proxy_batch_polling_interval", "disable_spend_logs"),
            *("disable_spend_updates", "database_connection_pool_limit", "disable_reset_budget"),
            *("database_connection_timeout", "proxy_budget_rescheduler_min_time"),
            *("proxy_budget_rescheduler_max_time", "disable_prisma_schema_update"),
            *("maximum_spend_logs_retention_period", "maximum_spend_logs_retention_interval"),
            *("allow_requests_on_db_unavailable", "use_redis_transaction_buffer"),
            *("disable_adding_master_key_hash_to_db", "user_api_key_cache_ttl"),
        ),
        (_STORE, _DATABASE),
    ),
    **dict.fromkeys(
        ("store_model_in_db", "supported_db_objects"),
        (("providers",), "models that were added on LiteLLM's page are not in this file."),
    ),
    **dict.fromkeys(
        ("store_prompts_in_spend_logs", "turn_off_message_logging", "redact_user_api_key_info"),
        (_TELEMETRY, _LOGS),
    ),
    **dict.fromkeys(
        ("alerting", "alerting_threshold", "alert_types", "alerting_args", "alert_to_webhook_url"),
        (_TELEMETRY, _ALERTS),
    ),
    **dict.fromkeys(
        ("background_health_checks", "health_check_interval", "health_check_details"),
        (("providers",), _HEALTH),
    ),
    **dict.fromkeys(
        ("ui_access_mode", "custom_sso", "admin_only_routes", "disable_master_key_return"),
        (_ADMIN, _PAGE),
    ),
    **dict.fromkeys(("custom_auth", "custom_auth_settings"), (_AUTH, _CODE)),
    **dict.fromkeys(("enable_jwt_auth", "litellm_jwtauth"), (_AUTH, _TOKENS)),
    **dict.fromkeys(
        ("litellm_key_header_name", "allow_client_side_credentials"),
        (
            _AUTH,
            _SHOWN,
        ),
    ),
    **dict.fromkeys(
        ("pass_through_endpoints", "use_client_credentials_pass_through_routes"),
        (("passthrough",), _PASSED),
    ),
    **dict.fromkeys(
        ("files_settings", "finetune_settings"),
        (("passthrough",), "name the provider that serves them: files, batches, fine_tuning."),
    ),
    **dict.fromkeys(
        ("allowed_routes", "public_routes", "admin_allowed_routes"),
        (_AUTH, "a key opens all endpoints of its models; the proxy in front can close paths."),
    ),
    "enforce_user_param": (_AUTH, "who asks is known by their key, not by a field of the request."),
    "provider_budget_config": (
        ("teams",),
        "there is no budget of a provider: write `budgets` with its `models` in [teams.NAME].",
    ),
    "allowed_ips": (_SERVER, "who may connect is for the proxy in front or the firewall."),
    "use_x_forwarded_for": (_SERVER, "proxies are believed by address: trusted_proxies."),
    "max_parallel_requests": (_SERVER, "write `limits.concurrency` of a model, key or team."),
    **dict.fromkeys(
        ("key_management_system", "key_management_settings", "use_google_kms"),
        (ANYWHERE, "secrets come from the environment or from files: have them put there."),
    ),
    "litellm_license": (ANYWHERE, "there is no license key."),
    # Beside these.
    **dict.fromkeys(("mcp_servers", "mcp_tools", "mcp_aliases"), (ANYWHERE, _MCP)),
    "vector_store_registry": (ANYWHERE, "vector stores are served by [passthrough] vector_stores."),
    "guardrails": (("guards",), GUARDS),
    "include": (ANYWHERE, "the files that are included are not read: import each."),
    "callback_settings": (_TELEMETRY, "see what is told of calls: receipts, otlp_endpoint."),
    "set_verbose": (_TELEMETRY, "there is one level of logging: a line for each request."),
    "telemetry": (_TELEMETRY, "the gateway tells nobody anything."),
}
"""By the last word of a place; the place itself is told with it."""

CALLBACKS: Final[Mapping[str, str]] = {
    "prometheus": "figures of all workers are at /metrics of the admin, always.",
    "otel": "name the collector in otlp_endpoint, and install the extra `otel`.",
    "arize": "takes OTLP: name it in otlp_endpoint and otlp_headers.",
    "langfuse": "takes OTLP: name it in otlp_endpoint and otlp_headers. Prompts are not told.",
    "langfuse_otel": "takes OTLP: name it in otlp_endpoint and otlp_headers. Prompts are not told.",
    "langsmith": "takes OTLP: name it in otlp_endpoint and otlp_headers. Prompts are not told.",
    "datadog": "takes OTLP by its agent: otlp_endpoint. Log lines are JSON on stderr.",
}
CALLBACK: Final = "receipts of all calls go to a file or an HTTP sink: receipts in [telemetry]."
