"""Tests of `newsletter.distributed`: several processes send from one PostgreSQL database."""
