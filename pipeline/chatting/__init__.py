"""A conversation in the terminal with one model or two, and the scorers' verdict under each
reply.
"""
