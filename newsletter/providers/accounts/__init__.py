"""Ask a provider about the account: is the key right, may it send to everyone, is the domain verified.

account.py has the values: questions, which are requests that change nothing, and facts, which are read from the
answers. One file for each provider holds its `AccountCheck`; SMTP and the outbox have no account. ACCOUNTS names them.

Add a provider: a file here and its line in ACCOUNTS, with the address of the page that each question is from.
Belongs here: requests and how answers read, without I/O. Does not: what is good or bad about a fact, which
`newsletter/doctor/` decides.
"""

from __future__ import annotations

import importlib

from newsletter.providers.accounts.account import AccountCheck

ACCOUNTS = {
    "postmark": "newsletter.providers.accounts.postmark:POSTMARK_ACCOUNT",
    "resend": "newsletter.providers.accounts.resend:RESEND_ACCOUNT",
    "mailgun": "newsletter.providers.accounts.mailgun:MAILGUN_ACCOUNT",
    "ses": "newsletter.providers.accounts.ses:SES_ACCOUNT",
    "sendgrid": "newsletter.providers.accounts.sendgrid:SENDGRID_ACCOUNT",
    "brevo": "newsletter.providers.accounts.brevo:BREVO_ACCOUNT",
    "mailjet": "newsletter.providers.accounts.mailjet:MAILJET_ACCOUNT",
    "mailersend": "newsletter.providers.accounts.mailersend:MAILERSEND_ACCOUNT",
    "sparkpost": "newsletter.providers.accounts.sparkpost:SPARKPOST_ACCOUNT",
}
"""Every provider with an account that can be asked, and where its record is: `module:NAME`, imported on use."""


def account_check(provider: str) -> AccountCheck | None:
    """Return what may be asked about the account at a provider; None for a mail server and the outbox."""
    if provider not in ACCOUNTS:
        return None
    module, _, attribute = ACCOUNTS[provider].partition(":")
    check: AccountCheck = getattr(importlib.import_module(module), attribute)
    return check
