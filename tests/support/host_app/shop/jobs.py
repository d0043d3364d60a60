"""The shop's own Celery application. Its tasks are shared tasks, which belong to the current application."""

from __future__ import annotations

import os

from celery import Celery, shared_task

celery_app = Celery("shop", broker=os.environ["SHOP_BROKER"])
celery_app.set_default()  # for the greenlets of requests


@shared_task(name="shop.ship")  # type: ignore[untyped-decorator]
def ship(order_id: int) -> None:
    from shop import Order, db, make_shop

    with make_shop().app_context():
        db.session.get(Order, order_id).shipped = True
        db.session.commit()
