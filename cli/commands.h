/* The commands there are; each is defined in the file named after it. */
#ifndef TALLY_CLI_COMMANDS_H
#define TALLY_CLI_COMMANDS_H

#include "command.h"

extern const cli_command command_init, command_capture, command_sessions, command_sessions_show;
extern const cli_command command_costs_list, command_costs_export, command_costs_import;
extern const cli_command command_report, command_tag_add, command_tag_remove, command_tag_list;
extern const cli_command command_redact;
extern const cli_command command_team_show, command_team_invite, command_team_join;
extern const cli_command command_team_revoke, command_team_forks, command_team_resolve;
extern const cli_command command_sync_now, command_sync_status, command_node_status;
extern const cli_command command_sync_export, command_sync_import, command_sync_folder;
extern const cli_command command_audit_cosign;
extern const cli_command command_audit_set;
extern const cli_command command_audit_list;
extern const cli_command command_audit_unset;
extern const cli_command command_prices_list, command_prices_set, command_prices_import;
extern const cli_command command_client_set, command_client_list, command_client_unset;
extern const cli_command command_project_set, command_project_list, command_project_unset;
extern const cli_command command_rule_set, command_rule_list, command_rule_unset, command_rule_test;
extern const cli_command command_rate_set, command_rate_list, command_rate_unset;
extern const cli_command command_plan_set, command_plan_list, command_plan_unset;
extern const cli_command command_fx_set, command_fx_list, command_fx_unset;
extern const cli_command command_engaged_set, command_engaged_show;
extern const cli_command command_budget_set, command_budget_list, command_budget_unset;
extern const cli_command command_budget_status, command_budget_notify;
extern const cli_command command_webhook_add, command_webhook_list, command_webhook_remove;
extern const cli_command command_webhook_rotate, command_webhook_deliver, command_webhook_outbox;
extern const cli_command command_webhook_test;
extern const cli_command command_assign, command_split, command_void;
extern const cli_command command_expense_add, command_expense_import, command_expense_list;
extern const cli_command command_expense_evidence, command_reconcile;
extern const cli_command command_bill_set, command_bill_list, command_bill_unset;
extern const cli_command command_describe, command_time_add, command_time_list;
extern const cli_command command_contract_set, command_contract_list, command_contract_unset;
extern const cli_command command_contract_show, command_milestone_set, command_milestone_list;
extern const cli_command command_milestone_unset, command_milestone_accept, command_change_set;
extern const cli_command command_change_list, command_change_unset, command_change_approve;
extern const cli_command command_deposit_receive, command_issuer_set, command_issuer_list;
extern const cli_command command_issuer_unset, command_invoice_draft, command_invoice_issue;
extern const cli_command command_invoice_list, command_invoice_show, command_invoice_explain;
extern const cli_command command_invoice_verify, command_invoice_void, command_invoice_pay;
extern const cli_command command_invoice_aging, command_invoice_credit;
extern const cli_command command_audit_pack, command_audit_verify, command_audit_proof;
extern const cli_command command_audit_export, command_audit_diff;
extern const cli_command command_log, command_show, command_verify, command_fsck, command_rebuild;
extern const cli_command command_backup, command_status, command_doctor, command_demo;
extern const cli_command command_version;
extern const cli_command command_config_list, command_config_get, command_config_set;
extern const cli_command command_completion;
extern const cli_command command_hook, command_hook_install, command_hook_uninstall;
extern const cli_command command_hook_status, command_statusline;

#endif
