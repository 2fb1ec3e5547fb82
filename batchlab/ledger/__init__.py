"""The claims of four texts, the experiments that decide them, rules, verdicts, figures."""
