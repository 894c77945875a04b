"""Python runs this before a script: the conversations that a script samples are then the same in every run."""
import os
import random

if "RINGTLS_TLSFUZZER_SEED" in os.environ:
    random.seed(int(os.environ["RINGTLS_TLSFUZZER_SEED"]))
