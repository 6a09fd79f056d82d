"""The login page, the only one without a login, and logging out, which needs a POST."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

urls = [
    path("login/", LoginView.as_view(template_name="login/index.html", redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
