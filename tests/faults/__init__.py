"""Every point at which sending can fail: nobody twice, nobody silently left out, and a list of what is uncertain."""
