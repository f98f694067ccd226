/* tally: finds the command in the table, has its options read and runs it. Nothing else happens
 * here. */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tally/memory.h>
#include <tally/secret.h>

#include "commands.h"
#include "complete.h"
#include "help.h"
#include "man.h"
#include "open.h"
#include "options.h"

#define SIGNAL_STACK_BYTES 65536

static const cli_command *const commands[] = {&command_init,
                                              &command_capture,
                                              &command_sessions,
                                              &command_sessions_show,
                                              &command_costs_list,
                                              &command_costs_export,
                                              &command_costs_import,
                                              &command_report,
                                              &command_tag_add,
                                              &command_tag_remove,
                                              &command_tag_list,
                                              &command_redact,
                                              &command_assign,
                                              &command_split,
                                              &command_void,
                                              &command_describe,
                                              &command_time_add,
                                              &command_time_list,
                                              &command_expense_add,
                                              &command_expense_import,
                                              &command_expense_list,
                                              &command_expense_evidence,
                                              &command_client_set,
                                              &command_client_list,
                                              &command_client_unset,
                                              &command_project_set,
                                              &command_project_list,
                                              &command_project_unset,
                                              &command_rule_set,
                                              &command_rule_list,
                                              &command_rule_unset,
                                              &command_rate_set,
                                              &command_rate_list,
                                              &command_rate_unset,
                                              &command_plan_set,
                                              &command_plan_list,
                                              &command_plan_unset,
                                              &command_bill_set,
                                              &command_bill_list,
                                              &command_bill_unset,
                                              &command_reconcile,
                                              &command_fx_set,
                                              &command_fx_list,
                                              &command_fx_unset,
                                              &command_rule_test,
                                              &command_engaged_set,
                                              &command_engaged_show,
                                              &command_budget_set,
                                              &command_budget_list,
                                              &command_budget_unset,
                                              &command_budget_status,
                                              &command_budget_notify,
                                              &command_contract_set,
                                              &command_contract_list,
                                              &command_contract_unset,
                                              &command_contract_show,
                                              &command_milestone_set,
                                              &command_milestone_list,
                                              &command_milestone_unset,
                                              &command_milestone_accept,
                                              &command_change_set,
                                              &command_change_list,
                                              &command_change_unset,
                                              &command_change_approve,
                                              &command_deposit_receive,
                                              &command_issuer_set,
                                              &command_issuer_list,
                                              &command_issuer_unset,
                                              &command_invoice_draft,
                                              &command_invoice_issue,
                                              &command_invoice_list,
                                              &command_invoice_show,
                                              &command_invoice_explain,
                                              &command_invoice_verify,
                                              &command_invoice_void,
                                              &command_invoice_pay,
                                              &command_invoice_aging,
                                              &command_invoice_credit,
                                              &command_webhook_add,
                                              &command_webhook_list,
                                              &command_webhook_test,
                                              &command_webhook_rotate,
                                              &command_webhook_remove,
                                              &command_webhook_deliver,
                                              &command_webhook_outbox,
                                              &command_team_show,
                                              &command_team_invite,
                                              &command_team_join,
                                              &command_team_revoke,
                                              &command_team_forks,
                                              &command_team_resolve,
                                              &command_sync_now,
                                              &command_sync_status,
                                              &command_sync_export,
                                              &command_sync_import,
                                              &command_sync_folder,
                                              &command_node_status,
                                              &command_audit_cosign,
                                              &command_audit_set,
                                              &command_audit_list,
                                              &command_audit_unset,
                                              &command_prices_list,
                                              &command_prices_set,
                                              &command_prices_import,
                                              &command_audit_pack,
                                              &command_audit_verify,
                                              &command_audit_diff,
                                              &command_audit_proof,
                                              &command_audit_export,
                                              &command_log,
                                              &command_show,
                                              &command_verify,
                                              &command_fsck,
                                              &command_rebuild,
                                              &command_backup,
                                              &command_status,
                                              &command_doctor,
                                              &command_demo,
                                              &command_config_list,
                                              &command_config_get,
                                              &command_config_set,
                                              &command_completion,
                                              &command_version,
                                              &command_hook_install,
                                              &command_hook_uninstall,
                                              &command_hook_status,
                                              &command_hook,
                                              &command_statusline,
                                              NULL};

/* A descriptor that is closed at the start would be given to the ledger's file and then printed
 * into. Those for input and output are opened so that using them fails. */
static void descriptors_hold(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR);
}

/* A page that is not there (a store cut short), and one whose bytes lead LMDB astray, arrive as a
 * signal from inside a read. The stack may be used up by then: the words need one of their own. */
static void page_unreadable(int sig) {
    static const char words[] =
        "tally: the store's pages are damaged or cut short; 'tally fsck' says where\n";
    (void)sig;
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    _exit(CLI_DAMAGED);
}

static void pages_guard(void) {
    static char stack[SIGNAL_STACK_BYTES];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = page_unreadable, .sa_flags = SA_ONSTACK};
    (void)sigaltstack(&own, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

/* No figure is shown that lacks a part, and nothing is begun that could not be ended: what is not
 * committed is as if it had not been. */
static volatile sig_atomic_t memory_code = CLI_DAMAGED;

static void memory_ended(void) {
    static const char words[] = "tally: memory ran out; end other programs and run this again "
                                "('tally log' shows what was recorded before)\n";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    _exit(memory_code);
}

static void process_prepare(void) {
    tally_memory_on_loss(memory_ended);
    descriptors_hold();
    tally_secret_no_dumps();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    static char buffer[CLI_BUFFER_BYTES]; /* glibc takes no size without one */
    if (!isatty(STDOUT_FILENO)) setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    pages_guard();
    /* Names in UTF-8 must not be garbled because a container sets no locale. */
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
}

/* "costs" alone, or "costs frobnicate": the verbs there are. */
static int command_unknown(const char *noun, const char *verb) {
    char verbs[128] = "";
    size_t used = 0, length = strlen(noun);
    for (size_t i = 0; commands[i]; i++) {
        if (strncmp(commands[i]->name, noun, length) != 0 || commands[i]->name[length] != ' ')
            continue;
        int put = snprintf(verbs + used, sizeof verbs - used, "%s%s", used ? ", " : "",
                           commands[i]->name + length + 1);
        if (put > 0 && (size_t)put < sizeof verbs - used) used += (size_t)put;
    }
    if (!used) return cli_usage(NULL, "there is no command '%s'", noun);
    if (verb && *verb != '-')
        return cli_usage(NULL, "'%s' has no '%s', only %s", noun, verb, verbs);
    return cli_usage(NULL, "'%s' needs one of %s", noun, verbs);
}

static int help_run(cli *run, int argc, char **argv) {
    int words = 0;
    if (argc > 0 && strcmp(argv[0], "--man") == 0) /* how the build makes the manual */
        return cli_out_finish(run,
                              cli_man(cli_out(run), commands, argv[1]) ? CLI_DONE : CLI_FAILED);
    const cli_command *command = argc > 0 ? cli_command_find(commands, argc, argv, &words) : NULL;
    if (argc > 0 && !command && !(argc == 1 && cli_help_noun(cli_out(run), commands, argv[0])))
        return command_unknown(argv[0], argc > 1 ? argv[1] : NULL);
    if (argc > 0 && !command) return cli_out_finish(run, CLI_DONE);
    if (command)
        cli_help_command(cli_out(run), command);
    else
        cli_help_all(cli_out(run), commands);
    return cli_out_finish(run, CLI_DONE);
}

static int command_run(cli *run, int argc, char **argv) {
    int code = cli_options_parse(run, argc, argv);
    if (code != CLI_DONE) return run->command->inside_agent ? CLI_FAILED : code;
    if (cli_has(run, "help"))
        cli_help_command(cli_out(run), run->command);
    else {
        tally_error err = {0};
        bool lost = cli_dir_find(run, &err) != 0 && !run->command->homeless;
        code = lost ? cli_fail(&err) : run->command->run(run);
    }
    code = cli_out_finish(run, code);
    return code && run->command->inside_agent ? CLI_FAILED : code;
}

int main(int argc, char **argv) {
    static char version[] = "version";
    cli run = {.pager = NULL};
    int words = 0;
    process_prepare();
    if (argc < 2) {
        cli_help_all(stderr, commands);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "complete") == 0) return cli_complete(commands, argc - 2, argv + 2);
    if (strcmp(argv[1], "help") == 0) return help_run(&run, argc - 2, argv + 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help_run(&run, 0, NULL);
    if (strcmp(argv[1], "--version") == 0) argv[1] = version;
    if (argv[1][0] == '-')
        return cli_usage(NULL, "'%s' stands before the command; options follow it", argv[1]);
    run.command = cli_command_find(commands, argc - 1, argv + 1, &words);
    if (!run.command) return command_unknown(argv[1], argv[2]);
    if (run.command->inside_agent) memory_code = CLI_FAILED;
    int code = command_run(&run, argc - words, argv + words);
    free(run.given);
    return code;
}
