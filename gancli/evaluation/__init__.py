"""How good a generator is: samples beside real pictures, translations beside the truth."""
