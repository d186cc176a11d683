"""The factors of harm, each from a head of its own: request, complies, coherent, refusal, unsafe
advice, and the principle at stake.
"""
